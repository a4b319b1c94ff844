import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation import as_predictions
from hilum.evaluation.predictions.align import align


def pair(first: pl.DataFrame, second: pl.DataFrame):
    return {"a": [as_predictions(first, name="a.csv")], "b": [as_predictions(second, name="b.csv")]}


def test_rows_and_findings_may_come_in_any_order(make_table):
    table = make_table()
    turned = table.reverse().select(reversed(table.columns))
    aligned = align(pair(table, turned))
    assert aligned.findings == ["Pleural Effusion", "Pneumonia"]
    assert np.array_equal(aligned.scores["a"], aligned.scores["b"])
    assert aligned.scores["a"].shape == (1, 120, 2)
    assert np.array_equal(aligned.patients[::2], aligned.patients[1::2])
    assert sorted(aligned.patients[::2]) == list(range(60))


def test_patients_are_taken_from_the_table_that_has_them(make_table):
    table = make_table()
    aligned = align(pair(table.drop("patient_id"), table))
    assert aligned.patients.max() == 59
    assert "patient_id is taken from b.csv, since the others have none." in map(str, aligned.notes)
    assert not any("its own patient" in str(note) for note in aligned.notes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.head(-3), "the same images; found 3 only in a.csv (00117.png, 00118.png, 00119.png)"),
        (
            lambda t: t.rename({"y_Pneumonia": "y_Mass", "p_Pneumonia": "p_Mass"}),
            "the same findings; found 1 only in a.csv (Pneumonia); 1 only in b.csv (Mass)",
        ),
        (
            lambda t: t.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(0).alias("y_Pneumonia")),
            "(y_Pneumonia of 00000.png: 0 and unknown)",
        ),
        (lambda t: t.with_columns(pl.lit("x").alias("patient_id")), "120 images that differ (00000.png: 0 and x)"),
        (lambda t: t.drop("image_id"), "b.csv: expected a column image_id, to pair it with another table; found none"),
    ],
)
def test_tables_that_do_not_go_together_are_refused(make_table, change, expected):
    table = make_table()
    with pytest.raises(HilumError) as caught:
        align(pair(table, change(table)))
    assert expected in str(caught.value)


def test_different_splits_are_refused(make_table):
    tables = [make_table().with_columns(pl.lit(split).alias("split")) for split in ("test", "val")]
    with pytest.raises(HilumError, match="expected the same split; found test and val"):
        align(pair(*tables))


@pytest.mark.parametrize("arms", [{}, {"a": []}])
def test_no_predictions_are_refused(arms):
    with pytest.raises(HilumError, match="predictions of at least one seed"):
        align(arms)
