from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError, HilumErrors
from hilum.evaluation import as_predictions, read_predictions
from hilum.evaluation.predictions import TrainedOn

GOOD = pl.DataFrame(
    {
        "image_id": ["00000013_005.png", "00000013_026.png", "00000017_001.png"],
        "patient_id": ["00000013", "00000013", "00000017"],
        "split": ["test", "test", "test"],
        "y_Effusion": [1, None, 0],
        "p_Effusion": [0.9, 0.5, 0.1],
    }
)


def refusal(table: pl.DataFrame, **choices) -> str:
    with pytest.raises(HilumError) as caught:
        as_predictions(table, name="mine.csv", **choices)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_reads_parquet_and_csv_alike_and_keeps_the_zeros_of_images(tmp_path, kind):
    path = tmp_path / f"predictions.{kind}"
    getattr(GOOD, f"write_{kind}")(path)
    read = read_predictions(path)
    assert read.image_ids == GOOD["image_id"].to_list()
    assert read.patients == ["13", "13", "17"]
    assert np.array_equal(read.labels, [[1], [np.nan], [0]], equal_nan=True)
    assert read.scores.tolist() == [[0.9], [0.5], [0.1]]


def test_findings_get_canonical_names_and_unknown_ones_stay():
    table = GOOD.with_columns(pl.col("y_Effusion").alias("y_Gallstones"), pl.col("p_Effusion").alias("p_Gallstones"))
    assert as_predictions(table, name="mine").findings == ["Pleural Effusion", "Gallstones"]


@pytest.mark.parametrize(
    "labels", [pl.Series([True, None, False]), pl.Series([1.0, float("nan"), 0.0]), pl.Series(["1", None, "0"])]
)
def test_labels_may_be_numbers_or_truth_values_and_unknown(labels):
    read = as_predictions(GOOD.with_columns(labels.alias("y_Effusion")), name="mine")
    assert np.array_equal(read.labels[:, 0], [1, np.nan, 0], equal_nan=True)


def test_without_patients_every_image_is_its_own_and_that_is_reported():
    read = as_predictions(GOOD.drop("patient_id"), name="mine")
    assert read.patients == GOOD["image_id"].to_list()
    assert any("every image counts as its own patient" in str(note) for note in read.notes)


def test_without_image_ids_rows_are_numbered_and_that_is_reported():
    read = as_predictions(GOOD.drop("image_id"), name="mine")
    assert read.image_ids == ["row 1", "row 2", "row 3"]
    assert any("by row number" in str(note) for note in read.notes)


def test_only_test_rows_are_evaluated_unless_asked_otherwise():
    table = GOOD.with_columns(pl.Series("split", ["val", "val", "test"]))
    read = as_predictions(table, name="mine")
    assert (read.split, len(read.frame)) == ("test", 1)
    assert [str(each) for each in read.notes] == ["1 rows of the split test are evaluated; 2 rows of val are not."]
    assert as_predictions(table, name="mine", split="val").scores.tolist() == [[0.9], [0.5]]


def test_a_single_split_is_evaluated_and_named():
    read = as_predictions(GOOD.with_columns(pl.lit("external").alias("split")), name="mine")
    assert (read.split, str(read.notes[0])) == ("external", "All 3 rows are of the split external.")


def test_a_split_whose_name_does_not_say_that_it_is_unseen_is_refused_unless_it_is_reported():
    everything = GOOD.with_columns(pl.lit("all").alias("split"))
    with pytest.raises(HilumError, match="expected rows of the split test; found only all"):
        as_predictions(everything, name="mine")
    assert as_predictions(everything, name="mine", held_out=True).split == "all"
    assert as_predictions(everything, name="mine", split="all").split == "all"


@pytest.mark.parametrize("unknown", [GOOD.drop("split"), GOOD.with_columns(pl.lit(None, pl.String).alias("split"))])
def test_images_of_an_unknown_split_are_refused_unless_stated_to_be_held_out(unknown):
    assert "it is not known whether the model was trained on these images" in refusal(unknown)
    read = as_predictions(unknown, name="mine", held_out=True)
    assert (read.split, len(read.frame)) == (None, 3)
    assert "you stated (--held-out) that the model was not trained on these images" in str(read.notes[0])


def test_a_table_without_any_label_is_refused():
    labels = [name for name in GOOD.columns if name.startswith("y_")]
    assert "no image has a label" in refusal(GOOD.with_columns(pl.lit(None, pl.Int8).alias(name) for name in labels))


def test_patients_and_images_that_were_trained_on_are_refused():
    patients = TrainedOn("card.json", frozenset({"chestxray14:00000017", "chexpert:1"}))
    expected = refusal(GOOD, trained_on=patients)
    assert "patient_id: 1 training patient of card.json (17)" in expected
    images = TrainedOn("train.csv", frozenset({"1"}), frozenset({"00000013_005.png"}))
    assert "image_id: 1 training image of train.csv (00000013_005.png)" in refusal(GOOD, trained_on=images)
    others = GOOD.with_columns(pl.format("padchest:{}", "patient_id").alias("patient_id"))
    assert as_predictions(others, name="mine", trained_on=patients).findings == ["Pleural Effusion"]


@pytest.mark.parametrize("splits", [["train"] * 3, ["train", "train", "val"]])
def test_training_rows_are_not_evaluated_by_accident(splits):
    table = GOOD.with_columns(pl.Series("split", splits))
    assert "expected rows of the split test; found only train" in refusal(table)
    assert len(as_predictions(table, name="mine", split="train").frame) == splits.count("train")


def test_a_split_that_is_not_there_is_refused():
    assert "expected rows of the split test; found no split" in refusal(GOOD.drop("split"), split="test")


def test_patients_on_both_sides_of_a_split_are_refused():
    table = GOOD.with_columns(pl.Series("split", ["train", "test", "test"]))
    assert "1 patient of test also in train (13)" in refusal(table)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.drop("y_Effusion"), "p_Pleural Effusion: there is no y_Pleural Effusion"),
        (lambda t: t.with_columns(pl.lit(0).alias("y_Mass")), "y_Mass: there is no p_Mass"),
        (
            lambda t: t.with_columns(pl.col("p_Effusion") * 8 - 4),
            "p_Pleural Effusion: 2 rows are outside 0 to 1, from -3.2 to 3.2 (first: 00000013_005.png)"
            "   if these are logits, apply a sigmoid",
        ),
        (
            lambda t: t.with_columns(pl.Series("p_Effusion", [0.1, float("nan"), None])),
            "p_Pleural Effusion: 2 rows have no prediction (first: 00000013_026.png)",
        ),
        (
            lambda t: t.with_columns(pl.Series("p_Effusion", ["0.1", "high", "0.2"])),
            "p_Pleural Effusion: 1 row is not a number (first: 00000013_026.png)",
        ),
        (
            lambda t: t.with_columns(pl.Series("y_Effusion", [1, 0, -1])),
            "y_Pleural Effusion: 1 row is not 1, 0 or empty but -1 (first: 00000017_001.png)   replace uncertain",
        ),
        (
            lambda t: t.with_columns(pl.Series("y_Effusion", ["yes", "no", None])),
            "y_Pleural Effusion: 2 rows are not 1, 0 or empty but yes, no",
        ),
        (
            lambda t: t.with_columns(pl.Series("image_id", ["a", "b", "a"])),
            "image_id: 1 id is repeated (a)",
        ),
        (
            lambda t: t.with_columns(pl.Series("patient_id", ["a", None, "b"])),
            "patient_id: 1 row is empty (first: row 2)",
        ),
        (
            lambda t: t.with_columns(t["p_Effusion"].alias("p_Pleural_Effusion")),
            "p_Pleural Effusion: given 2 times, as p_Effusion and p_Pleural_Effusion",
        ),
        (lambda t: t.select("image_id"), "expected columns y_<finding> and p_<finding>; found the columns image_id"),
        (lambda t: t.clear(), "expected one row for each image; found no rows"),
    ],
)
def test_what_is_wrong_is_reported(change, expected):
    assert expected in refusal(change(GOOD))


def test_all_problems_are_reported_at_once():
    table = GOOD.with_columns(
        pl.lit("a").alias("image_id"), pl.lit(2).alias("y_Effusion"), pl.lit(3).alias("p_Effusion")
    )
    with pytest.raises(HilumErrors) as caught:
        as_predictions(table, name="mine.csv")
    assert len(caught.value.problems) == 3
    assert str(caught.value).startswith("mine.csv: 3 problems, nothing was evaluated")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe"),
        ("text.parquet", b"image_id,p_Mass\n1,0.5\n"),
        ("cut.parquet", b"PAR1 and then nothing"),
        ("empty.csv", b""),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(HilumError, match=f"{name}: expected") as caught:
        read_predictions(path)
    assert caught.value.fix


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    with pytest.raises(HilumError, match="no such file"):
        read_predictions(tmp_path / "absent.csv")
    with pytest.raises(HilumError, match="a directory"):
        read_predictions(tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("image", "patient"), [("filename", "PatientID"), ("Image Index", "Patient"), ("path", "subject_id")]
)
def test_columns_go_by_the_names_that_labels_have(tmp_path, kind, image, patient):
    table = GOOD.rename({"image_id": image, "patient_id": patient, "split": "Set"})
    getattr(table.with_columns(pl.lit("Testing").alias("Set")), f"write_{kind}")(tmp_path / f"t.{kind}")
    read = read_predictions(tmp_path / f"t.{kind}")
    assert (read.images_named, read.patients_named, read.split) == (True, True, "test")
    assert read.patients == ["13", "13", "17"]
    assert read.image_ids == GOOD["image_id"].to_list()


def test_two_columns_of_one_meaning_are_refused_unless_one_has_the_name_itself(tmp_path):
    both = GOOD.with_columns(pl.lit("other").alias("PatientID"))
    both.write_csv(tmp_path / "t.csv")
    assert read_predictions(tmp_path / "t.csv").patients == ["13", "13", "17"]
    both.rename({"patient_id": "Patient ID"}).write_csv(tmp_path / "t.csv")
    with pytest.raises(HilumError, match="patient_id: given by Patient ID and PatientID   keep one"):
        read_predictions(tmp_path / "t.csv")


def test_a_column_fold_with_numbers_is_no_split(tmp_path):
    GOOD.rename({"split": "fold"}).with_columns(pl.lit(3).alias("fold")).write_csv(tmp_path / "t.csv")
    with pytest.raises(HilumError, match="split: there is none"):
        read_predictions(tmp_path / "t.csv")


@pytest.mark.parametrize("beyond", [1.0000000000000002, 1 + 1e-7, -1e-9])
def test_what_is_beyond_by_rounding_is_zero_or_one(beyond):
    table = GOOD.with_columns(pl.Series("p_Effusion", [beyond, 0.5, 0.1]))
    assert as_predictions(table, name="mine").scores[0, 0] == round(beyond)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([-3.2, 0.5, 4.1], "from -3.2 to 4.1 (first: 00000013_005.png)   if these are logits, apply a sigmoid"),
        ([1.0000123, 0.5, 0.2], "from 0.2 to 1.0000123 (first: 00000013_005.png)   write probabilities (a percentage"),
        ([97.0, 5.0, 2.0], "from 2.0 to 97.0 (first: 00000013_005.png)   write probabilities (a percentage over 100)"),
    ],
)
def test_what_is_outside_is_shown_with_all_digits_and_its_own_advice(scores, expected):
    assert expected in refusal(GOOD.with_columns(pl.Series("p_Effusion", scores)))


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("y_Effusion", [[1], [0], [1]], "y_Pleural Effusion: a column of lists   write 1, 0 or empty"),
        ("p_Effusion", [{"a": 1}] * 3, "p_Pleural Effusion: a column of structs   write probabilities"),
        ("p_Effusion", [b"1"] * 3, "p_Pleural Effusion: a column of bytes"),
        ("p_Effusion", [date(2020, 1, 1)] * 3, "p_Pleural Effusion: a column of dates"),
        ("patient_id", [["a"]] * 3, "patient_id: a column of lists   write text"),
        ("image_id", [timedelta(1)] * 3, "image_id: a column of durations   write text"),
        ("split", [datetime(2020, 1, 1)] * 3, "split: a column of dates with times   write text"),
        ("p_Effusion", pl.Series([None] * 3, dtype=pl.Null), "p_Pleural Effusion: 3 rows have no prediction"),
    ],
)
def test_columns_of_other_types_are_refused_by_name(column, values, expected):
    assert expected in refusal(GOOD.with_columns(pl.Series(column, values)))


def test_types_that_mean_ids_and_numbers_beyond_doubt_are_read():
    table = GOOD.with_columns(
        pl.Series("patient_id", [13.0, 13.0, 17.0]),
        pl.Series("image_id", [1, 2, 3], dtype=pl.UInt8),
        pl.col("split").cast(pl.Categorical),
        pl.Series("y_Effusion", ["1", None, "0"], dtype=pl.Categorical),
        pl.col("p_Effusion").cast(pl.Decimal(10, 3)),
        pl.Series("scan", [[1], [2], [3]]),
    )
    read = as_predictions(table, name="mine")
    assert (read.patients, read.image_ids) == (["13", "13", "17"], ["1", "2", "3"])
    assert read.scores.tolist() == [[0.9], [0.5], [0.1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"image_id;y_Mass;p_Mass\na;1;0,5\n", "expected fields separated by commas; found semicolons"),
        (b"image_id,y_Mass,p_Mass\na,1,0.5\nb,0\n", "line 3: expected 3 fields, as in the header; found 2"),
        (b'image_id,y_Mass,p_Mass\n"a,1,0.5\n', "found an unclosed quote in line 2"),
        (b"image_id,y_Mass,p_Mass\ncaf\xe9,1,0.5\n", "expected text, UTF-8; found byte 0xe9 in line 2"),
    ],
)
def test_a_csv_that_is_cut_or_written_otherwise_is_refused_by_its_line(tmp_path, text, message):
    (tmp_path / "t.csv").write_bytes(text)
    with pytest.raises(HilumError, match=message):
        read_predictions(tmp_path / "t.csv", held_out=True)


def test_a_damaged_parquet_file_is_refused_without_a_report_of_polars(tmp_path, capfd):
    GOOD.write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    for cut in (5, len(whole) // 2, len(whole) - 6):
        (tmp_path / "t.parquet").write_bytes(whole[:cut])
        with pytest.raises(HilumError, match=r"expected a table of predictions \(Parquet\); found a damaged file"):
            read_predictions(tmp_path / "t.parquet")
    assert capfd.readouterr().err == ""
