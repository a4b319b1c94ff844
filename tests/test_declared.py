"""Settings are declared once: commands and study files have the defaults and texts of the classes of settings."""

import dataclasses
import inspect
import re
import subprocess
import sys
from typing import get_args, get_type_hints

import pytest
from typer.main import get_command

import hilum
import hilum.cli
from hilum.declared import Bounds, text_of
from hilum.errors import HilumError, HilumErrors
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.finetuning.settings import FinetuneSettings
from hilum.pretext.settings import PretextSettings
from hilum.pretext.settings.run import SingleRunSettings
from hilum.study.file import parse_study
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


STUDY = """\
question: Does pretraining help?
data: {ours: {collection: folder, labels: labels.csv}}
preprocess: [{square: pad}, {resize: 64}]
task:
  findings: [Pneumonia, Cardiomegaly]
  split: {patients: [0.6, 0.2, 0.2]}
arms:
  scratch: {encoder: resnet18}
  simclr: {encoder: resnet18, init: {pretrain: simclr, on: ours}}
"""
IN_STUDY = {
    "plateau_factor": "schedule={{plateau: {{factor: {}}}}}",
    "plateau_patience": "schedule={{plateau: {{patience: {}}}}}",
    "plateau_min_lr": "schedule={{plateau: {{min_lr: {}}}}}",
    "stop_below_lr": "schedule={{plateau: {{stop_below_lr: {}}}}}",
}
"""Settings of fine-tuning with another key in a study file."""
NOT_IN_STUDY = {"finetune": {"output_type", "workers", "checkpoint_every_seconds", "precision", "device"},
                "pretrain": {"probe_every", "device", "workers"}}  # fmt: skip
OWN_TYPES = {"augmentation", "second_augmentation", "local_augmentation", "resample", "options"}


def wrong_values(declared):
    """Values just outside every range, and names and flags that are none."""
    for name, hint in get_type_hints(declared, include_extras=True).items():
        inner = [hint, *get_args(hint)]
        inner += [each for outer in inner[1:] for each in get_args(outer)]
        for each in inner:
            if isinstance(each, Bounds):
                yield from ((name, value) for value in (each.gt, each.lt) if value is not None)
                yield from [(name, each.ge - 1)] if each.ge is not None else []
                yield from [(name, each.le + 1)] if each.le is not None else []
        if not any(isinstance(each, Bounds) for each in inner) and name not in OWN_TYPES:
            yield name, "maybe"


def expected_by_python(declared, name, value, **more):
    with pytest.raises(HilumError) as caught:
        declared(**more | {name: value})
    text = "\n".join(getattr(caught.value, "problems", [str(caught.value)]))
    (expected,) = set(re.findall(rf"{name}: expected (.*?); found", text))
    return expected


def expected_by_study(override):
    with pytest.raises(HilumErrors) as caught:
        parse_study(STUDY, where="study.yaml", overrides=[override])
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(("name", "value"), list(wrong_values(FinetuneSettings)))
def test_python_options_and_study_files_refuse_the_same_settings_of_fine_tuning(name, value, tmp_path):
    expected = expected_by_python(FinetuneSettings, name, value)
    if name != "device":  # an argument and an option of its own
        for settings in ({name: value}, [f"{name}={value}"]):
            with pytest.raises(HilumErrors) as caught:
                hilum.finetune({"ours": tmp_path}, tmp_path / "out", encoder="resnet18", settings=settings)
            assert any(each.startswith(f"{name}: expected {expected}; found") for each in caught.value.problems)
    if name not in NOT_IN_STUDY["finetune"]:
        of_study = expected_by_study(f"finetune.{IN_STUDY.get(name, name + '={}').format(value)}")
        assert expected.replace(", or null", "") in of_study


@pytest.mark.parametrize(
    ("name", "value"), [each for each in wrong_values(SingleRunSettings) if each[0] not in ("preset", "size")]
)
def test_python_options_and_study_files_refuse_the_same_settings_of_pretraining(name, value, tmp_path):
    expected = expected_by_python(PretextSettings, name, value, **{"validation": 0.2} if name == "patience" else {})
    for settings in ({name: value}, [f"{name}={value}"]):
        with pytest.raises(HilumErrors) as caught:
            hilum.pretrain("simclr", {"ours": tmp_path}, "resnet18", tmp_path / "out", settings=settings)
        assert any(each.startswith(f"{name}: expected {expected}; found") for each in caught.value.problems)
    if name not in NOT_IN_STUDY["pretrain"]:
        assert expected in expected_by_study(f"pretrain.{name}={value}")


@pytest.mark.parametrize(
    ("declared", "name", "value"),
    [
        (declared, *each)
        for declared in (BootstrapConfig, EvaluationSettings)
        for each in wrong_values(declared)
        if each[0] != "stratified"
    ],
)
def test_python_options_and_study_files_refuse_the_same_settings_of_an_evaluation(declared, name, value, tmp_path):
    expected = expected_by_python(declared, name, value)
    table = tmp_path / "absent.parquet"
    function, inputs = (hilum.compare, (table, table)) if name == "margin" else (hilum.evaluate, (table,))
    with pytest.raises(HilumError, match="found") as caught:
        function(*inputs, **{name: value})
    assert (caught.value.where, caught.value.expected) == (name, expected)
    option = f"--{name.replace('_', '-')}={value}"
    with pytest.raises(HilumError, match="found") as caught:
        hilum.cli.make_app()([function.__name__, *map(str, inputs), "--out", str(tmp_path), option],
                             standalone_mode=False)  # fmt: skip
    assert (caught.value.where, caught.value.expected) == (name, expected)
    if name != "interval":
        assert expected in expected_by_study(f"evaluate.{name}={value}")


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
