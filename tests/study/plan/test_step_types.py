"""Steps of a study: each kind is one class, and each class has a kind."""

from pathlib import Path
from typing import get_args

import pytest

from hilum.study.file import read_study
from hilum.study.plan import steps_of
from hilum.study.plan.step_types import EncoderStep, Step, StepKind, TrainingStep

STUDIES = Path(__file__).parents[3] / "studies"


def test_every_kind_is_one_class():
    kinds = [each.kind for each in get_args(Step)]
    assert sorted(kinds) == sorted(get_args(StepKind))


@pytest.mark.parametrize("name", ["demo", "elwirehardja2025", "tayebiarasteh2024"])
def test_steps_have_directories_of_their_own_and_come_after_what_they_need(name):
    steps = steps_of(read_study(STUDIES / f"{name}.yaml"), None)
    directories = [step.directory for step in steps]
    assert len(set(directories)) == len(directories)
    decoded = max(number for number, step in enumerate(steps) if step.kind in ("generate", "store"))
    assert all(number > decoded for number, step in enumerate(steps) if isinstance(step, TrainingStep))
    assert all(step.encoder and step.seed is not None for step in steps if isinstance(step, EncoderStep))
