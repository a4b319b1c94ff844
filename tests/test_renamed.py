"""Names of earlier versions end with today's name."""

import pytest

import hilum
from hilum.errors import HilumError
from hilum.finetuning.settings import FinetuneSettings
from hilum.pretext.methods.settings import METHOD_SETTINGS
from hilum.renamed import (
    RENAMED_KEYS,
    RENAMED_SETTINGS,
    checked_arguments,
    similar_name,
    unknown_name,
    with_current_keys,
)
from hilum.study.file.explain import Explanation
from hilum.study.file.finetuning import Finetuning
from hilum.study.file.schema import Evaluation
from hilum.study.file.task import Task
from hilum.training.settings import TrainingSettings


def test_every_renamed_setting_is_one_of_today():
    known = set(TrainingSettings.__dataclass_fields__) | set(FinetuneSettings.__dataclass_fields__)
    known |= {"local_augmentation", "second_augmentation"}
    for method in METHOD_SETTINGS.values():
        known |= set(method.model_fields)
    assert set(RENAMED_SETTINGS.values()) <= known
    assert not set(RENAMED_SETTINGS) & known


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("clip_norm", ["lr", "clip_grad_norm"], "was renamed to clip_grad_norm"),
        ("clip_norm", ["lr"], "no such setting"),
        ("learning_rate", ["lr", "layer_decay"], "no such setting; do you mean lr?"),
        ("epoch", ["epochs", "lr"], "no such setting; do you mean epochs?"),
        ("xyzzy", ["epochs", "lr"], "no such setting"),
    ],
)
def test_an_unknown_name_is_answered_with_the_one_to_write(name, known, expected):
    assert unknown_name(name, known) == expected


def test_a_similar_name_is_one_of_the_known():
    assert similar_name("max_epochs", ["epochs"]) == "epochs"
    assert similar_name("max_epochs", ["lr"]) == ""


@pytest.mark.parametrize(
    ("function", "argument", "hint"),
    [
        (hilum.finetune, {"lr": 0.001}, "Write settings={'lr': 0.001}."),
        (hilum.pretrain, {"temperature": 0.2}, "Write settings={'temperature': 0.2}."),
        (hilum.finetune, {"weights": "runs/simclr"}, "It was renamed to init."),
        (hilum.embed, {"like": ["a.png"]}, "It was renamed to similar_to."),
        (hilum.evaluate, {"n_bootstraps": 100}, "Do you mean n_bootstrap?"),
        (hilum.load_encoder, {"gpu": True}, "It has model, device."),
    ],
)
def test_an_unknown_argument_of_python_gets_a_hint(function, argument, hint):
    (name,) = argument
    with pytest.raises(HilumError, match=rf"^{function.__name__}\({name}=…\): expected an argument") as refused:
        function("x", "y", **argument)
    assert refused.value.fix == hint


def test_old_keywords_of_python_functions_are_answered_with_the_new_ones():
    @checked_arguments
    def train(out, *, augmentation=None, n_bootstrap=1, settings=()):
        return out

    for keywords, fix in (
        ({"policy": "simclr"}, "It was renamed to augmentation."),
        ({"redraws": 10}, "It was renamed to n_bootstrap."),
        ({"clip_norm": 1.0}, r"It was renamed: write settings=\{'clip_grad_norm': 1.0\}."),
        ({"lr": 0.1}, r"Write settings=\{'lr': 0.1\}."),
    ):
        with pytest.raises(HilumError, match=fix):
            train("runs", **keywords)
    assert train("runs", n_bootstrap=2) == "runs"


def test_the_study_file_of_an_earlier_run_has_the_keys_of_today():
    before = {
        "question": "?",
        "task": {"vote": 2, "classes": "exclusive"},
        "evaluate": {"against": "scratch", "redraws": 500, "min_positives": 5},
    }
    assert with_current_keys(before) == {
        "question": "?",
        "task": {"consensus": 2, "classes": "multiclass"},
        "evaluate": {"reference": "scratch", "n_bootstrap": 500, "min_positive_patients": 5},
    }
    assert with_current_keys(with_current_keys(before)) == with_current_keys(before)


def test_every_renamed_key_is_one_of_a_study_file():
    sections = {"task": Task, "explain": Explanation, "evaluate": Evaluation, "finetune": Finetuning}
    for (section, old), new in RENAMED_KEYS.items():
        assert new in sections[section].model_fields
        assert old not in sections[section].model_fields
