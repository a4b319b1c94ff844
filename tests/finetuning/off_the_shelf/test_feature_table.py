import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.finetuning.off_the_shelf import read_features

IDS = ["a", "b", "c"]
VALUES = np.arange(6, dtype=np.float32).reshape(3, 2)


def columns(values, ids=IDS, **others):
    return pl.DataFrame({"image_id": ids, "f0": values[:, 0], "f1": values[:, 1], **others})


def test_the_same_table_in_every_form_gives_the_same_vectors(tmp_path):
    columns(VALUES).write_parquet(tmp_path / "wide.parquet")
    pl.DataFrame({"image_id": IDS, "v": VALUES.tolist()}).write_parquet(tmp_path / "lists.parquet")
    pl.DataFrame(
        {"image_id": IDS, "v": VALUES}, schema={"image_id": pl.String, "v": pl.Array(pl.Float32, 2)}
    ).write_parquet(tmp_path / "arrays.parquet")
    np.save(tmp_path / "plain.npy", VALUES)
    (tmp_path / "plain.ids.txt").write_text("a\nb\nc\n")
    for name in ("wide.parquet", "lists.parquet", "arrays.parquet", "plain.npy"):
        table = read_features(tmp_path / name)
        np.testing.assert_array_equal(table.of(["c", "a"]), VALUES[[2, 0]])
        assert table.values.dtype == np.float32


@pytest.mark.parametrize("text", ["a\nb\nc\n", "a\nb\nc", "a\r\nb\r\nc\r\n"])
def test_names_end_with_their_lines_however_these_end(tmp_path, text):
    np.save(tmp_path / "plain.npy", VALUES)
    (tmp_path / "plain.ids.txt").write_bytes(text.encode())
    np.testing.assert_array_equal(read_features(tmp_path / "plain.npy").of(["c"]), VALUES[[2]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            columns(np.array([[0, 1], [np.nan, 2], [3, 4]])),
            "expected finite numbers; found 1 row with others, first b",
        ),
        (
            columns(np.array([[0, 1], [np.inf, 2], [3, 4]])),
            "expected finite numbers; found 1 row with others, first b",
        ),
        (columns(VALUES, view=["PA"] * 3), "found view of String"),
        (columns(VALUES, ids=["a", "b", "a"]), "expected every image once; found a twice"),
        (columns(VALUES).rename({"image_id": "image"}), "expected a column image_id; found image, f0, f1"),
        (columns(VALUES, ids=[1, 2, 3]), "expected text in image_id"),
        (pl.DataFrame({"image_id": IDS, "v": [[1.0], [1.0, 2.0], [1.0]]}), "vectors of several lengths"),
        (pl.DataFrame({"image_id": IDS}), "expected numbers"),
    ],
)
def test_tables_that_are_none_of_features_say_why(tmp_path, table, message):
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(HilumError, match=message):
        read_features(tmp_path / "t.parquet")


def test_arrays_without_ids_or_with_others_say_so(tmp_path):
    np.save(tmp_path / "t.npy", VALUES)
    with pytest.raises(HilumError, match=r"t\.ids\.txt: expected the image ids of the rows; found no such file"):
        read_features(tmp_path / "t.npy")
    (tmp_path / "t.ids.txt").write_text("a\nb\n")
    with pytest.raises(HilumError, match="expected an image id for each row; found 2 ids and 3 rows"):
        read_features(tmp_path / "t.npy")
    np.save(tmp_path / "words.npy", np.array([["x", "y"]]))
    (tmp_path / "words.ids.txt").write_text("a\n")
    with pytest.raises(HilumError, match="expected numbers"):
        read_features(tmp_path / "words.npy")
    with pytest.raises(HilumError, match=r"expected .parquet or .npy; found .txt"):
        read_features(tmp_path / "t.ids.txt")


def test_images_that_the_table_lacks_are_named(tmp_path):
    columns(VALUES).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(HilumError, match="expected features of 3 images; found none of 2: x, y"):
        read_features(tmp_path / "t.parquet").of(["x", "a", "y"])
