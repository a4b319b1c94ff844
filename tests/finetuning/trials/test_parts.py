"""A search in parts: whatever their order inside a stage, what they leave is what one call leaves."""

from dataclasses import replace
from pathlib import Path

import pytest

from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import Choices, Range, Search, SearchRun, stages_of, train_part

FINDINGS = ("Cardiomegaly", "Pneumothorax")
BASE = FinetuneSettings(
    epochs=3,
    batch_size=8,
    lr=1e-3,
    patience=None,
    augmentation="none",
    unfreeze=0,
    precision="fp32",
    device="cpu",
    workers=0,
)
LISTS = {"lr": Choices((1e-1, 1e-2, 1e-3)), "batch_size": Choices((8, 16))}
RANGES = {"lr": Range(1e-4, 1e-1, log=True), "batch_size": Choices((8, 16))}
ENCODERS = {"lr": Choices((1e-2, 1e-3)), "encoder": Choices(("small_convnet", "toh2023_resnet"))}


def settings_of(sample):
    return replace(BASE, **{name: value for name, value in sample.items() if name != "encoder"})


def left_by(directory: Path) -> dict[str, bytes]:
    names = ("*.json", "*.npy", "trial_curves.parquet", "*.sha256")  # trials.parquet and trials.json have times in them
    paths = {path for name in names for path in directory.rglob(name) if path.name != "trials.json"}
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(
    ("space", "how", "stages"),
    [
        (LISTS, Search("halving"), [2, 2]),
        (RANGES, Search("tpe", trials=5, at_once=3), [2, 2]),
        (ENCODERS, Search("grid"), [2]),
    ],
    ids=["halving", "tpe", "encoders"],
)
def test_parts_in_any_order_leave_what_one_call_leaves(store, images, tmp_path, space, how, stages):
    def run() -> SearchRun:  # each part is done by a process of its own, which knows nothing of the others
        return SearchRun(
            space, settings_of, how, store, images(0, 40), images(40, 52), "random", "small_convnet", FINDINGS, 5
        )

    parts = stages_of(space, settings_of, how, "small_convnet", 40)
    assert [len(stage) for stage in parts] == stages
    for stage in parts:
        for part in reversed(stage):
            train_part(run(), part, tmp_path / "spread")
            assert not (tmp_path / "spread").exists()  # nothing is chosen yet
        train_part(run(), stage[0], tmp_path / "spread")  # once more: there is nothing to do
    whole, spread = run().complete(tmp_path / "whole"), run().complete(tmp_path / "spread")
    assert left_by(whole) == left_by(spread)
    assert len(left_by(whole)) > 4
