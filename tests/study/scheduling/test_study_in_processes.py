"""A study whose steps several processes do, one of which is killed: the bits of the study done one after another."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilum.progress import ProgressReport
from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study
from hilum.study.plan import Step
from hilum.study.scheduling import ComputeConfig


@pytest.mark.slow
def test_a_study_in_two_processes_of_which_one_is_killed_has_the_same_bits(small_text, images, unseen, tmp_path):
    study = parse_study(small_text.replace("small_convnet", "resnet18"), where="small.yaml")  # there is time to kill it
    finished = tmp_path / "one"
    run_study(study, {"images": images}, finished, show_step=unseen)
    shown: list[str] = []
    killed: list[int] = []

    @contextmanager
    def show_step(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:
        shown.append(step.directory)

        def report(done: int, total: int, note: str) -> None:
            if step.kind == "pretrain" and not killed:  # in the middle of a training
                assert " on " in f" {note}"
                killed.append(int(multiprocessing.active_children()[0].pid or 0))
                os.kill(killed[0], signal.SIGKILL)

        yield report

    out = tmp_path / "two"
    run_study(study, {"images": images}, out, show_step=show_step, workers=1, where=ComputeConfig(jobs=2))
    assert killed
    assert "arms/simclr/seed-0" in shown
    assert all(step.state == "done" for step in study_status(out))
    compared = [*finished.rglob("*.safetensors"), *finished.rglob("scores.parquet"), *finished.rglob("metrics.parquet")]
    assert len(compared) > 6
    for path in compared:
        assert path.read_bytes() == (out / path.relative_to(finished)).read_bytes(), path
    assert not list(Path(out).rglob(".*"))
