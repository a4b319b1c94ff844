from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilum.progress import ProgressReport, silent
from hilum.study.execution import ShowStep, run_study
from hilum.study.file import Study, parse_study
from hilum.study.plan import Step

SMALL = """\
question: Does a study run from images to a report?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion, Infiltration, Atelectasis]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  scratch: {encoder: small_convnet}
  simclr: {encoder: small_convnet, init: {pretrain: simclr, on: images}}
  linear: {encoder: small_convnet, init: {pretrain: simclr, on: images}, finetune: {unfreeze: 0}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 2, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="session")
def images(generated: Callable[..., Path]) -> Path:
    """Generated images in the native ChestX-ray14 layout."""
    return generated("chestxray14", 120, 0)


@pytest.fixture(scope="session")
def small_study() -> Study:
    return parse_study(SMALL, where="small.yaml")


@pytest.fixture(scope="session")
def small_text() -> str:
    return SMALL


@pytest.fixture(scope="session")
def unseen() -> ShowStep:
    """Shows nothing of a step."""

    @contextmanager
    def show(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:
        yield silent

    return show


@pytest.fixture(scope="session")
def finished(
    small_study: Study, images: Path, unseen: ShowStep, made_once: Callable[[str, Callable[[Path], object]], Path]
) -> Path:
    """Directory of the small study, run to its end."""
    return made_once("finished", lambda out: run_study(small_study, {"images": images}, out, show_step=unseen))
