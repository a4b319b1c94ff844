import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilum.artifacts import locked
from hilum.phantom import write_layout
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
  scratch: {encoder: resnet18}
  simclr: {encoder: resnet18, init: {pretrain: simclr, on: images}}
  linear: {encoder: resnet18, init: {pretrain: simclr, on: images}, finetune: {unfreeze: 0}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 2, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes generated images in a native layout, once for all processes of pytest: layout, images, seed; 48 px."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def make(layout: str, images: int, seed: int) -> Path:
        root = shared / "generated" / f"{layout}-{images}-{seed}" / "images"
        root.parent.mkdir(parents=True, exist_ok=True)
        with locked(root, wait_seconds=300):
            if not root.exists():
                beside = root.with_name("unfinished")
                write_layout(layout, beside, images=images, size=48, seed=seed, workers=1, on_progress=silent)
                beside.rename(root)
        return root

    return make


@pytest.fixture(scope="session")
def images(generated: Callable[..., Path]) -> Path:
    """Generated images in the native ChestX-ray14 layout."""
    return generated("chestxray14", 150, 0)


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
def finished(small_study: Study, images: Path, unseen: ShowStep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Directory of the small study, run to its end."""
    out = tmp_path_factory.mktemp("study") / "finished"
    run_study(small_study, {"images": images}, out, show_step=unseen)
    return out
