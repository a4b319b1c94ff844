"""The published studies and those beyond them from an empty directory to their reports, in miniature."""

import csv
import re
from pathlib import Path

import pytest

from hilum.study.execution import run_study
from hilum.study.file import find_study, read_study
from hilum.study.file.scale import tiny
from hilum.study.file.shipped import shipped_studies

PAPERS = ["elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021"]
QUICKEST = "toh2023"
"""Of the papers; always run, for one epoch and on half of the images, of half their side."""
HALF = 150
LARGEST_PAGE = 15_000_000
"""Bytes."""


BEYOND = [
    "which_pretraining", "label_efficiency", "label_noise", "pool_composition", "resolution", "augmentations",
    "chestxray14_pneumonia", "chestxray14_tiny",
]  # fmt: skip


def test_every_shipped_study_is_run_here_or_is_the_demo():
    assert sorted(shipped_studies()) == sorted([*PAPERS, *BEYOND, "demo"])


@pytest.mark.parametrize(
    ("name", "quick"),
    [
        pytest.param(QUICKEST, True, id=f"{QUICKEST} for one epoch"),
        *(pytest.param(name, False, id=name, marks=pytest.mark.slow) for name in (*PAPERS, *BEYOND)),
    ],
)
def test_a_shipped_study_fills_every_table_and_figure_of_its_layout(name, quick, tmp_path, unseen):
    study = tiny(read_study(find_study(name), ["finetune.epochs=1", "evaluate.n_bootstrap=100"] if quick else []))
    if quick:
        fewer = {
            key: data.model_copy(update={"generate": data.generate.model_copy(update={"images": HALF})})
            for key, data in study.data.items()
        }
        study = study.model_copy(update={"data": fewer, "preprocess": [{"resize": 32}]})
    page = run_study(study, {}, tmp_path / "out", show_step=unseen)
    assert page.stat().st_size < LARGEST_PAGE
    text = page.read_text(encoding="utf-8")
    for arm in study.arms:
        assert arm in text
    if name in PAPERS:
        assert "Not run:" not in text
        assert_filled(tmp_path / "out", name)


def assert_filled(out: Path, name: str) -> None:
    """Every cell of the layout that this study could fill has a number; figures lie beside the page.

    Generated radiographs show what the phantom can draw: a finding that it cannot (Lung Opacity of VinDr-CXR) or that
    stands in its labels by chance (Kyphosis) may lack patients.
    """
    tables = sorted((out / "tables").glob(f"{name}_*.csv"))
    assert tables
    for table in tables:
        assert table.with_suffix(".tex").is_file()
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        empty = [row for row in rows if not row["estimate"] and row["arm"] and row["published"]]
        for row in empty:
            assert re.search("positive.*excluded|not a finding of this run|is not in this run", row["note"]), (
                table.name,
                row,
            )
        assert len(empty) <= 0.15 * len(rows), (table.name, empty)  # one finding of CheXpert-Rare's eight
    assert list((out / "figures").glob(f"{name}_*.svg"))
