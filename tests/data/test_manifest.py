import polars as pl
import pytest

from hilum.data.manifest import FIXED_COLUMNS, check_manifest, finding_columns, read_manifest, write_manifest
from hilum.errors import HilumError


def test_a_manifest_reads_back_as_it_was_written(tmp_path, images):
    manifest = images(["p", "q"], Mass=[1, None], No_Finding=[0, -1], split_chexnet=["train", "test"], age=[63.0, None])
    write_manifest(manifest, tmp_path / "manifest.parquet")
    assert read_manifest(tmp_path / "manifest.parquet").equals(manifest)
    assert finding_columns(manifest) == ["Mass", "No Finding"]


@pytest.mark.parametrize("column", FIXED_COLUMNS)
def test_a_missing_column_is_named(images, column):
    with pytest.raises(HilumError, match=rf"m.parquet: 1 problem.*\n  column '{column}': expected, but missing"):
        check_manifest(images(["p"]).drop(column), "m.parquet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": pl.lit("twin")}, "expected every id once, found twin more than once"),
        (
            {"patient_id": pl.lit(None, dtype=pl.String)},
            "column 'patient_id': expected a value in every row, found 2 blank",
        ),
        ({"age": pl.lit(412.0)}, "column 'age': expected 0 to 120 years, found 412.0"),
        ({"age": pl.lit("old")}, "column 'age': expected numbers, found String"),
        ({"sex": pl.lit("W")}, "column 'sex': expected F, M or blank, found W"),
        ({"path": pl.lit("../../etc/passwd")}, r"expected paths below the root, found ../../etc/passwd"),
        ({"path": pl.lit("/etc/passwd")}, "expected paths below the root, found /etc/passwd"),
        ({"split": pl.lit("dev")}, "column 'split': expected train, val, test, train_val or blank, found dev"),
        ({"split_x": pl.lit("dev")}, "column 'split_x'"),
        ({"Mass": pl.lit(2, dtype=pl.Int8)}, "column 'Mass': expected 1, 0, -1 or blank, found 2"),
        ({"Mass": pl.lit(0.5)}, "column 'Mass': expected whole numbers, found Float64"),
        ({"Effusion": pl.lit(1)}, "column 'Effusion': expected canonical findings, found another spelling of one"),
        ({"hospital": pl.lit(1)}, "column 'hospital': .*neither a finding nor a manifest column"),
    ],
)
def test_a_wrong_value_is_named_with_its_column(images, change, message):
    with pytest.raises(HilumError, match=message):
        check_manifest(images(["p", "q"], Mass=[1, 0]).with_columns(**change), "m.parquet")


def test_all_problems_are_reported_at_once(images):
    wrong = images(["p", "p"], sex=["x", "y"], Mass=[3, 4])
    with pytest.raises(HilumError, match="2 problems") as caught:
        check_manifest(wrong, "m.parquet")
    assert len(caught.value.problems) == 2


def test_a_wrong_manifest_is_not_written(tmp_path, images):
    with pytest.raises(HilumError):
        write_manifest(images(["p"]).drop("view"), tmp_path / "manifest.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_or_broken_file_says_what_to_do(tmp_path):
    with pytest.raises(HilumError, match=r"found no such file. Make it with `hilum ingest`"):
        read_manifest(tmp_path / "manifest.parquet")
    (tmp_path / "manifest.parquet").write_text("image_id,path")
    with pytest.raises(HilumError, match=r"expected a manifest .Parquet.; found a damaged file"):
        read_manifest(tmp_path / "manifest.parquet")
