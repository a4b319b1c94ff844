"""Layouts filled from a study that was run: each number is the one that the study's own tables have."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.errors import HilumError
from hilum.report.layouts import layout_sections, read_results, write_layout
from hilum.report.render import FigureGroup, Prose, Table
from hilum.study.execution import run_study
from hilum.study.file import parse_study

LAYOUT = """\
title: A tiny paper
published: numbers.yaml
tables:
  - name: tiny
    title: "All arms."
    published: first
    best: val_loss
    rows: [{each: arms, of: "{name}"}]
    columns:
      - {title: AUROC, value: auroc, spread: interval}
      - {title: mean, value: auroc, statistic: mean_sd, scale: 100, decimals: 2}
      - {title: Val loss, value: val_loss}
      - {title: Test loss, value: test_loss}
      - {title: Epoch, value: exported_epoch, decimals: 0}
      - {title: Difference, value: difference}
  - name: tiny_findings
    title: "Each finding."
    rows: [{each: findings}]
    columns:
      - {title: simclr, arm: sim*, value: auroc}
      - {title: best, arm: {best_of: "*"}, value: auroc}
      - {title: train, value: positives, split: train, decimals: 0}
      - {title: share, value: train_share}
figures:
  - {name: tiny_losses, kind: losses, title: Losses}
  - {name: tiny_bars, kind: class_bars, title: Bars}
  - {name: tiny_roc, kind: roc, title: ROC, arms: [scratch, simclr]}
  - {name: tiny_intervals, kind: intervals, title: Intervals}
  - {name: tiny_confusion, kind: confusion, title: Confusion}
  - {name: tiny_embedding, kind: embedding, title: Embedding}
"""
NUMBERS = """\
paper: tiny
citation: nobody
tables:
  first: {title: t, source: {table: T1, page: 3}, columns: [AUROC], rows: {scratch: [0.6], absent: [0.9 ± 0.1]}}
"""


@pytest.fixture(scope="module")
def layout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("layout")
    (folder / "numbers.yaml").write_text(NUMBERS)
    (folder / "tiny.yaml").write_text(LAYOUT)
    return folder / "tiny.yaml"


@pytest.fixture(scope="module")
def blocks(finished, layout):
    (section,) = layout_sections(layout, finished)
    return {block.name: block for block in section.blocks if isinstance(block, Table)}, section.blocks


def row_of(table: Table, row: str, column: str) -> dict[str, object]:
    (found,) = table.data.filter((pl.col("row") == row) & (pl.col("column") == column)).to_dicts()
    return found


def exported_epoch(finished: Path, arm: str) -> dict[str, float]:
    (row,) = pl.read_parquet(finished / f"arms/{arm}/seed-0/curves.parquet").filter("selected").to_dicts()
    return row


def test_the_numbers_are_those_of_the_evaluation(finished, blocks):
    table, metrics = blocks[0]["tiny"], pl.read_parquet(finished / "evaluation/metrics.parquet")
    auroc = metrics.filter(pl.col("metric") == "auroc")
    for arm in ("scratch", "simclr", "linear"):
        (macro,) = auroc.filter((pl.col("arm") == arm) & (pl.col("finding") == "macro")).to_dicts()
        cell = row_of(table, arm, "AUROC")
        assert (cell["estimate"], cell["ci_low"], cell["ci_high"]) == (
            macro["estimate"],
            macro["ci_low"],
            macro["ci_high"],
        )
        named = [f for f in auroc["finding"].unique() if f[0].isupper()]
        selected = (
            auroc.filter((pl.col("arm") == arm) & pl.col("finding").is_in(named))["estimate"].drop_nulls().drop_nans()
        )
        assert row_of(table, arm, "mean")["estimate"] == pytest.approx(100 * selected.mean())
        assert row_of(table, arm, "mean")["sd"] == pytest.approx(100 * float(np.std(selected.to_numpy())))
        exported = exported_epoch(finished, arm)
        assert row_of(table, arm, "Val loss")["estimate"] == exported["val_loss"]
        assert row_of(table, arm, "Epoch")["estimate"] == exported["epoch"]
    compared = pl.read_parquet(finished / "evaluation/comparisons.parquet")
    (simclr,) = compared.filter(
        (pl.col("arm") == "simclr") & (pl.col("finding") == "macro") & (pl.col("metric") == "auroc")
    ).to_dicts()
    assert row_of(table, "simclr", "Difference")["estimate"] == simclr["difference"]


def test_the_paper_stands_beside_with_the_difference_and_what_was_not_run(blocks):
    table = blocks[0]["tiny"]
    cell = row_of(table, "scratch", "AUROC")
    assert cell["difference"] == pytest.approx(cell["estimate"] - 0.6)
    absent = row_of(table, "absent", "AUROC")
    assert (absent["estimate"], absent["published"], absent["published_spread"]) == (None, 0.9, 0.1)
    shown = {row[0].text.removesuffix(" *"): [cell.text for cell in row] for row in table.rows}
    assert shown["absent"][1:4] == ["not run", "0.900 ± 0.100", "–"]
    assert shown["scratch"][-1] == "–"  # the reference has no difference from itself
    assert "absent: not in this run." in table.notes
    assert table.caption.endswith("Paper: T1, page 3.")


def test_the_best_row_is_marked_by_validation_loss(finished, blocks):
    losses = {arm: exported_epoch(finished, arm)["val_loss"] for arm in ("scratch", "simclr", "linear")}
    best = min(losses, key=losses.__getitem__)
    marked = [row[0].text for row in blocks[0]["tiny"].rows if row[0].text.endswith("*")]
    assert marked == [f"{best} *"]
    findings = blocks[0]["tiny_findings"].data
    assert set(findings.filter(pl.col("column") == "best")["arm"]) == {best}


def test_figures_are_drawn_or_say_why_not(blocks):
    figures = {figure.name for block in blocks[1] if isinstance(block, FigureGroup) for figure in block.figures}
    assert {"tiny_losses_1", "tiny_intervals_1"} <= figures
    assert any(name.startswith("tiny_roc") for name in figures)
    expected = " ".join(text for block in blocks[1] if isinstance(block, Prose) for text in block.paragraphs)
    assert "Confusion Not run: only multiclass tasks have it." in expected
    assert "Embedding Not run: the study's `explain` section made no embedding." in expected
    losses = next(
        f for block in blocks[1] if isinstance(block, FigureGroup) for f in block.figures if "losses" in f.name
    )
    assert losses.svg.count('id="exported') == 3


def test_counts_come_from_the_report_and_shares_add_up(finished, blocks):
    table = blocks[0]["tiny_findings"]
    counts = pl.read_csv(next((finished / "tables").glob("counts_*.csv"))).filter(pl.col("split") == "train")
    for finding, positives in counts.select("finding", "positives").iter_rows():
        assert row_of(table, finding, "train")["estimate"] == positives
    assert table.data.filter(pl.col("column") == "share")["estimate"].sum() == pytest.approx(100)


def test_several_tasks_are_read_from_their_folders(finished, tmp_path):
    for task in ("full", "rare"):
        for name in ("evaluation", "arms", "tables"):
            shutil.copytree(finished / name, tmp_path / "tasks" / task / name)
    results = read_results(tmp_path)
    assert list(results.tasks) == ["full", "rare"]
    assert results.task(None) is None
    assert results.task("rare").arms == ["scratch", "simclr", "linear"]
    (section,) = layout_sections("kivotova2021", tmp_path)
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert "not in this run" in " ".join(note for table in tables for note in table.notes)


@pytest.mark.parametrize("name", ["elwirehardja2025", "toh2023", "gowtham2023", "tayebiarasteh2024", "kivotova2021"])
def test_a_layout_of_another_study_shows_the_paper_alone(finished, tmp_path, name):
    page = write_layout(name, finished, tmp_path / "page").read_text(encoding="utf-8")
    assert "not run" in page
    assert "difference" in page


def test_a_study_with_a_layout_has_it_in_its_report_and_nothing_else_runs_again(
    small_text, images, finished, layout, unseen, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    made = (out / "arms/scratch/seed-0/step.json").stat().st_mtime_ns
    study = parse_study(f"{small_text}layout: {layout}\n", where="small.yaml")
    run_study(study, {"images": images}, out, show_step=unseen)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "A tiny paper" in page
    for name in ("tables/tiny.csv", "tables/tiny.tex", "figures/tiny_losses_1.svg", "figures/tiny_bars_1.svg"):
        assert (out / name).is_file()
    assert (out / "arms/scratch/seed-0/step.json").stat().st_mtime_ns == made


def test_the_report_command_writes_a_layout(finished, layout, tmp_path):
    words = ["report", str(finished), "--layout", str(layout), "--out", str(tmp_path)]
    answer = CliRunner().invoke(hilum.cli.make_app(), words, catch_exceptions=False)
    assert answer.exit_code == 0
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "tables/tiny.csv").is_file()


def test_a_wrong_layout_of_a_study_is_reported_with_its_other_mistakes(small_text):
    with pytest.raises(HilumError, match="toh2023") as error:
        parse_study(f"{small_text}layout: toh23\n".replace("epochs: 2", "epochs: 0"), where="small.yaml")
    assert "finetune.epochs" in str(error.value)


def test_a_folder_without_a_finished_study_is_refused(tmp_path):
    with pytest.raises(HilumError, match="finished study"):
        read_results(tmp_path)
