"""Settings are declared once: commands and study files have the defaults and texts of the classes of settings."""

import dataclasses
import inspect
import re
import subprocess
import sys

import pytest
from typer.main import get_command

import hilum
import hilum.cli
from hilum.declared import text_of
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.finetuning.settings import FinetuneSettings
from hilum.pretext.settings.run import SingleRunSettings
from hilum.study.file.finetuning import Finetuning
from hilum.study.file.schema import Evaluation
from hilum.training.settings import TrainingSettings

COMMANDS = get_command(hilum.cli.make_app()).commands
OPTIONS = {  # fields of these classes that are options, by command
    "evaluate": (BootstrapConfig, EvaluationSettings, ReadingOptions),
    "compare": (BootstrapConfig, EvaluationSettings, ReadingOptions),
    "external-validation": (BootstrapConfig, EvaluationSettings),
}


@pytest.mark.parametrize("command", OPTIONS)
def test_options_are_those_of_the_settings(command):
    options = {option.name: option for option in COMMANDS[command].params}
    found = 0
    for declared in OPTIONS[command]:
        for field in dataclasses.fields(declared):
            if field.name in options:
                found += 1
                assert options[field.name].help == text_of(declared, field.name)
                assert options[field.name].default == field.default
    assert found >= 3


@pytest.mark.parametrize("command", ["embed", "probe", "explain"])
def test_every_command_resamples_as_often_by_default(command):
    (option,) = [option for option in COMMANDS[command].params if option.name == "n_bootstrap"]
    assert option.default == BootstrapConfig.n_bootstrap
    assert option.help == text_of(BootstrapConfig, "n_bootstrap")


FUNCTIONS = ("compare", "doctor", "embed", "evaluate", "explain", "external-validation", "finetune", "ingest")
FUNCTIONS += ("label-issues", "package", "power", "predict", "pretrain", "preview", "probe", "report")
OTHER_OPTIONS = {  # options that are not an argument of the function of the same name
    "doctor": {"strict"},
    "external-validation": {"tables"},
    "pretrain": {"exclude_split", "include_test", "patient_fraction"},
    "preview": {"study"},
    "report": {"layout"},
}


@pytest.mark.parametrize("command", FUNCTIONS)
def test_options_have_the_names_of_the_arguments_in_python(command):
    options = {option.name for option in COMMANDS[command].params} - {"as_json", "json", "help"}
    name = {"report": "build_report"}.get(command, command.replace("-", "_"))
    arguments = inspect.signature(getattr(hilum, name)).parameters
    assert options - OTHER_OPTIONS.get(command, set()) <= set(arguments)


def test_a_study_file_says_of_fine_tuning_what_its_settings_say():
    for name, field in Finetuning.model_fields.items():
        if name in ("train", "optimizer", "schedule", "warmup_epochs", "resample"):  # written otherwise in a file
            continue
        declared = TrainingSettings if name == "compile" else FinetuneSettings
        assert field.description.startswith(text_of(declared, name)), name
        assert field.default in (None, getattr(FinetuneSettings, name)), name


def test_a_study_file_says_of_pretraining_and_evaluation_what_their_settings_say():
    for name in (
        "layer_decay",
        "weight_decay_end",
        "clip_grad_norm",
        "gradient_accumulation_steps",
        "activation_checkpointing",
        "precision",
        "compile",
    ):
        assert SingleRunSettings.model_fields[name].description == text_of(TrainingSettings, name)
    for declared in (BootstrapConfig, EvaluationSettings):
        for field in dataclasses.fields(declared):
            if (written := Evaluation.model_fields.get(field.name)) is not None:
                assert written.description == text_of(declared, field.name)
                assert written.default == field.default


def test_the_text_of_a_field_is_one_line_of_its_class_or_of_one_that_it_extends():
    @dataclasses.dataclass
    class General:
        """Settings.

        Attributes:
            first, second: Two
                lines.

        Raises:
            ValueError: never.
        """

        first: int = 0
        second: int = 0

    class Special(General):
        """No sections."""

    assert text_of(Special, "second") == text_of(General, "first") == "Two lines."
    with pytest.raises(KeyError, match="ValueError"):
        text_of(Special, "ValueError")


def test_commands_know_the_settings_without_heavy_libraries():
    code = "import sys, hilum.cli; print(*sorted({'numpy', 'polars', 'pydantic', 'torch'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not re.findall(r"\w+", loaded.stdout)
