import re
from dataclasses import replace

import polars as pl

from hilum.report.figures import box_plot, canvas
from hilum.report.render import formats


def drawn(content, metric="auroc"):
    with canvas.style():
        return box_plot(content, metric)


def test_every_finding_of_every_arm_is_a_dot_that_can_be_read(study):
    figure = drawn(study)
    dots = set(re.findall(r"<title>(.*?)</title>", figure.svg))
    rows = study.metrics.filter(pl.col("finding") != "macro").to_dicts()
    assert {f"{row['arm']}, {row['finding']}: {formats.decimal(row['estimate'])}" for row in rows} == dots


def test_above_an_arm_stands_the_adjusted_p_of_its_macro_difference(study):
    figure = drawn(study)
    row = study.comparisons.filter((pl.col("finding") == "macro") & (pl.col("arm") == "simclr")).row(0, named=True)
    expected = formats.p_statement(row["p_adjusted"]).removeprefix("adjusted ")
    assert expected.replace("<", "&lt;") in figure.svg
    assert "reference" in figure.svg


def test_a_box_over_two_findings_would_say_too_much(study):
    few = study.metrics.filter(pl.col("finding").is_in(["macro", "Atelectasis", "Cardiomegaly"]))
    assert drawn(replace(study, metrics=few)) is None
