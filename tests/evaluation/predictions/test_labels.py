import polars as pl
import pytest

from hilum.data.labels import LabelPolicy
from hilum.errors import HilumError
from hilum.evaluation.predictions import as_predictions, join_labels, scored_rows
from hilum.notes import Code


def predictions(ids):
    scores = [0.1 * number for number in range(len(ids))]
    return pl.DataFrame({"image_id": ids, "p_Edema": scores, "p_Mass": scores})


def manifest(ids):
    return pl.DataFrame(
        {"image_id": ids, "patient_id": ["1", "1", "2"], "split": ["test"] * 3, "path": ids, "Edema": [1, -1, None]}
    )


def test_labels_join_by_id_and_findings_without_labels_are_left_out():
    table, notes = join_labels(predictions(["b", "a", "x"]), manifest(["a", "b", "c"]), LabelPolicy(), where="there")
    assert table.select("image_id", "patient_id", "y_Edema").rows() == [("b", "1", 0.0), ("a", "1", 1.0)]
    assert "p_Mass" not in table.columns
    codes = [each.code for each in notes]
    assert codes == [Code.FINDINGS_WITHOUT_LABELS, Code.IMAGES_WITHOUT_LABELS, Code.LABELS_FROM]
    assert "Mass" in str(notes[0])
    assert "1 of 3" in str(notes[1])


@pytest.mark.parametrize("ids", [["deep/a.png", "deep/b.png", "c.png"], ["a.png", "b.png", "c.png"]])
def test_images_meet_by_the_name_of_their_file_where_no_id_does(ids):
    table, _ = join_labels(predictions(ids), manifest(["a", "b", "c"]), LabelPolicy(), where="there")
    assert table["y_Edema"].to_list() == [1.0, 0.0, 0.0]
    uncertain = LabelPolicy(uncertain="ignore", not_mentioned="ignore")
    table, _ = join_labels(predictions(ids), manifest(["a", "b", "c"]), uncertain, where="there")
    assert table["y_Edema"].to_list() == [1.0, None, None]


def test_images_or_findings_that_do_not_meet_are_an_error():
    with pytest.raises(HilumError, match="labels of the predicted images"):
        join_labels(predictions(["x", "y"]), manifest(["a", "b", "c"]), LabelPolicy(), where="there")
    other = predictions(["a"]).select("image_id", pl.col("p_Edema").alias("p_Nodule"))
    with pytest.raises(HilumError, match="labels of Nodule"):
        join_labels(other, manifest(["a", "b", "c"]), LabelPolicy(), where="there")


def test_refused_images_are_left_out_and_counted():
    table = predictions(["a", "b", "c"]).with_columns(
        pl.Series("reason", [None, "lateral", None]),
        pl.Series("p_Edema", [0.1, None, 0.3]),
        pl.Series("p_Mass", [0.1, None, 0.3]),
        pl.Series("y_Edema", [1, 0, 0]),
        pl.Series("y_Mass", [1, 0, 0]),
        split=pl.lit("external"),
    )
    selected, notes = scored_rows(table)
    assert selected["image_id"].to_list() == ["a", "c"]
    assert [each.code for each in notes] == [Code.REFUSED_IMAGES]
    assert "lateral 1" in str(notes[0])
    read = as_predictions(table, name="t")
    assert read.image_ids == ["a", "c"]
    assert Code.REFUSED_IMAGES in [each.code for each in read.notes]
