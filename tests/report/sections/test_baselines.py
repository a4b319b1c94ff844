from dataclasses import replace

import polars as pl

from hilum.report.sections import baselines
from hilum.report.verdict.decide import decide


def scores(*rows: tuple[str, float]) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema=["arm", "estimate"], orient="row")
    return table.with_columns(
        finding=pl.lit("macro"), metric=pl.lit("auroc"), ci_low=pl.lit(0.5), ci_high=pl.lit(0.7), n=300, positives=None,
        patients=150, note=pl.lit(""),
    )  # fmt: skip


def minus(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    table = pl.DataFrame(rows, schema=["arm", "reference", "difference", "p_adjusted"], orient="row")
    return table.with_columns(
        finding=pl.lit("macro"),
        metric=pl.lit("auroc"),
        ci_low=pl.lit(-0.1),
        ci_high=pl.lit(0.3),
        p=pl.col("p_adjusted"),
    )


def test_the_verdict_says_what_needs_no_radiology(study):
    message = replace(study, baseline_metrics=scores(("age, sex and view", 0.611), ("8x8 thumbnail", 0.702)))
    assert (
        "Shortcut baselines reach 0.611 (age, sex and view) and 0.702 (an 8×8 thumbnail): this needs no radiological "
        "findings." in decide(message).sentences
    )


def test_untrained_encoders_are_distinguished_from_models_that_see_little(study):
    message = replace(study, baseline_metrics=scores(("random resnet18", 0.6), ("calibrated resnet18", 0.64)))
    assert baselines.sentences(message) == [
        "Frozen, untrained encoders reach 0.600 (a random resnet18) and 0.640 (a calibrated resnet18)."
    ]


def test_an_arm_that_is_not_shown_to_beat_the_best_baseline_is_named(study):
    message = replace(
        study,
        baseline_metrics=scores(("age, sex and view", 0.55), ("8x8 thumbnail", 0.7)),
        baseline_comparisons=minus(
            ("simclr", "8x8 thumbnail", 0.1, 0.001),
            ("mocov2", "8x8 thumbnail", 0.02, 0.6),
            ("scratch", "8x8 thumbnail", -0.1, 0.001),
            ("mocov2", "age, sex and view", 0.2, 0.001),
        ),
    )
    assert (
        "mocov2 and scratch are not significantly better than the shortcut baseline of an 8×8 thumbnail (0.700)."
        in decide(message).cautions
    )


def test_nothing_is_reported_without_baselines(study):
    assert baselines.sentences(study) == baselines.cautions(study) == []
    assert baselines.baselines_table(study) is None
    assert baselines.above_baselines_table(study) is None


def test_baselines_stand_beside_the_arms(full):
    table = baselines.baselines_table(full)
    assert [column.title for column in table.columns] == [
        "Finding", "age, sex and view", "8×8 thumbnail", "random resnet18", "scratch", "simclr", "mocov2",
    ]  # fmt: skip
    macro = full.metrics.filter((pl.col("finding") == "macro") & (pl.col("metric") == "auroc"))
    shown = [cell.order for cell in table.rows[0][4:]]
    assert shown == macro["estimate"].to_list()


def test_every_arm_is_compared_with_every_baseline(full):
    table = baselines.above_baselines_table(full)
    assert len(table.rows) == 9
    assert {row[1].text for row in table.rows} == {"age, sex and view", "8×8 thumbnail", "random resnet18"}
    assert "macro AUROC" in table.caption


def test_one_finding_is_called_no_macro_average(full):
    one = full.baseline_comparisons.filter(pl.col("finding") == "macro").with_columns(finding=pl.lit("Mass"))
    table = baselines.above_baselines_table(replace(full, baseline_comparisons=one))
    assert len(table.rows) == 9
    assert "minus baseline, AUROC, on" in table.caption
