"""Trials of a sweep that several processes train: the winner, the curves and the bits of one that trains them all."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from hilum.progress import ProgressReport, silent
from hilum.study.execution import ShowStep, run_study, study_status
from hilum.study.file import Study, parse_study
from hilum.study.plan import Step, count_images, plan_data, plan_study
from hilum.study.plan.prepare import prepare
from hilum.study.plan.sweep import stages_of_sweep, sweep_requirements
from hilum.study.scheduling import ComputeConfig

THREE = """\
question: Which settings, by how many?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  grid: {encoder: toh2023_xvt, sweep: {over: {lr: [1e-2, 1e-4], batch_size: [16, 32]}}}
  halved: {encoder: toh2023_xvt, sweep: {over: {lr: [1e-2, 1e-3, 1e-4], batch_size: [16, 32]}, search: halving}}
  guessed:
    encoder: toh2023_xvt
    sweep:
      {over: {lr: {log_uniform: [1e-4, 1e-1]}, batch_size: [16, 32]}, search: tpe, trials: 8, trials_at_once: 4}
finetune: {epochs: 3, patience: null, augmentation: none, validations: 3, unfreeze: 0}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


def parts_in(directory: Path) -> list[tuple[str, bytes]]:
    """Weights, scores, predictions, tables and what sweeps chose."""
    patterns = (
        "*.safetensors", "scores.parquet", "predictions/**/*.parquet", "metrics.parquet", "selected.json",
        "samples.json", "rounds.json", "trial_curves.parquet", "validation_scores.npy",
    )  # fmt: skip
    paths = {path for pattern in patterns for path in directory.rglob(pattern)}
    return sorted((str(path.relative_to(directory)), path.read_bytes()) for path in paths)


def assert_same(one: Path, other: Path) -> None:
    ours, theirs = parts_in(one), parts_in(other)
    assert len(ours) > 20
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    assert [name for (name, a), (_, b) in zip(ours, theirs, strict=True) if a != b] == []
    for arm in ("grid", "halved", "guessed"):
        tables = [pl.read_parquet(each / f"arms/{arm}/sweep/trials.parquet").drop("seconds") for each in (one, other)]
        assert tables[0].equals(tables[1])
    assert all(step.state == "done" for step in study_status(other))
    assert not list(other.rglob(".*"))


@pytest.fixture(scope="module")
def study() -> Study:
    return parse_study(THREE, where="three.yaml")


@pytest.fixture(scope="module")
def alone(
    study: Study, images: Path, unseen: ShowStep, made_once: Callable[[str, Callable[[Path], object]], Path]
) -> Path:
    def make(out: Path) -> None:
        run_study(study, {"images": images}, out, show_step=unseen, workers=1)

    return made_once("sweeps-alone", make)


@contextmanager
def quietly(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:
    yield silent


def test_the_plan_says_which_trials_can_be_spread(study, images):
    rows = {row["arm"]: row for row in plan_data(plan_study(study, {"images": images}))["sweeps"]}
    assert {arm: row["groups"] for arm, row in rows.items()} == {"grid": 2, "halved": 2, "guessed": 2}
    assert "2 groups, which --jobs and --cluster train in parallel" in rows["grid"]["description"]
    together = parse_study(THREE.replace(", batch_size: [16, 32]", ""), where="three.yaml")
    needs = sweep_requirements(together, "grid", (60, 20))
    assert needs.groups == 1
    assert "trained in one process" in needs.description
    count = count_images(prepare(study, {"images": images})).train
    names = {arm: [[each.name for each in stage] for stage in stages_of_sweep(study, arm, count)] for arm in rows}
    assert names == {
        "grid": [["0-0-0", "0-0-1"]],
        "halved": [["0-0-0", "0-0-1"], ["0-1-0", "0-1-1"]],
        "guessed": [["0-0-0", "0-0-1"], ["1-0-0", "1-0-1"]],
    }
    assert stages_of_sweep(together, "grid", count) == []


@pytest.mark.slow
def test_parts_in_two_processes_of_which_one_is_killed_have_the_bits_of_one_process(study, images, alone, tmp_path):
    shown: list[str] = []
    killed: list[int] = []

    @contextmanager
    def show_step(number: int, steps: int, step: Step) -> Iterator[ProgressReport]:
        shown.append(step.directory)

        def report(done: int, total: int, note: str) -> None:
            if ".part-" in step.directory and not killed:
                killed.append(int(multiprocessing.active_children()[0].pid or 0))
                os.kill(killed[0], signal.SIGKILL)

        yield report

    out = tmp_path / "two"
    run_study(study, {"images": images}, out, show_step=show_step, workers=1, where=ComputeConfig(jobs=2))
    assert killed
    assert {name.rpartition("sweep.part-")[2] for name in shown if "halved/sweep.part-" in name}
    assert_same(alone, out)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_parts_on_a_cluster_have_the_bits_of_one_process(study, images, alone, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    out = tmp_path / "ray"
    run_study(study, {"images": images}, out, show_step=quietly, workers=1, where=ComputeConfig(cluster="local"))
    assert_same(alone, out)
