import re
from dataclasses import replace

import polars as pl
import pytest

from hilum.report.figures import canvas, differences_forest, estimates_forest, roc_curves
from hilum.report.render import formats


def titles(svg: str) -> set[str]:
    return set(re.findall(r"<title>(.*?)</title>", svg))


def test_every_estimate_can_be_read_off_the_forest(study):
    with canvas.style():
        svg = estimates_forest(study, "auroc", roc_curves(study)).svg
    for row in study.metrics.to_dicts():
        expected = f"{row['arm']}, {row['finding']}: {formats.estimate(row['estimate'], row['ci_low'], row['ci_high'])}"
        assert expected in titles(svg)


def test_differences_are_read_with_their_adjusted_p(study):
    with canvas.style():
        svg = differences_forest(study, "auroc").svg
    assert len(titles(svg)) == len(study.comparisons)
    assert all("adjusted p" in title for title in titles(svg))


def test_a_marker_is_open_until_a_difference_is_shown(study):
    def open_markers(p: float) -> int:
        changed = replace(study, comparisons=study.comparisons.with_columns(p_adjusted=pl.lit(p)))
        with canvas.style():
            return differences_forest(changed, "auroc").svg.count(f"fill: {canvas.PAPER}")

    assert open_markers(0.01) == 0
    assert open_markers(0.2) >= len(study.comparisons)


def test_seeds_agree_with_the_estimate_that_is_their_mean(study):
    rocs = roc_curves(study)
    for row in study.metrics.filter(pl.col("finding") != "macro").to_dicts():
        areas = rocs[row["arm"], row["finding"]].areas
        assert sum(areas) / len(areas) == pytest.approx(row["estimate"], abs=1e-12)


def test_a_finding_without_an_estimate_is_named_and_stated(study):
    missing = study.metrics.with_columns(
        estimate=pl.when(pl.col("finding") == "Infiltration").then(None).otherwise("estimate")
    )
    with canvas.style():
        svg = estimates_forest(replace(study, metrics=missing), "auroc", {}).svg
    assert svg.count(">not estimable<") == 3
    assert "Infiltration" in svg


def test_nothing_estimable_still_makes_a_figure(study):
    nothing = {name: pl.lit(None, pl.Float64) for name in ("estimate", "ci_low", "ci_high")}
    with canvas.style():
        svg = estimates_forest(replace(study, metrics=study.metrics.with_columns(**nothing)), "auroc", {}).svg
    assert svg.count(">not estimable<") == len(study.metrics)
