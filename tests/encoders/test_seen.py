import polars as pl
import pytest

from hilum.encoders.seen import read_seen, seen_films, write_seen
from hilum.errors import HilumError


def test_the_ledger_comes_back_sorted_and_every_film_once(tmp_path):
    train = seen_films(["b", "a"], ["chest:2", "chest:1"], "train")
    val = seen_films(["c"], ["folder-1a2b:x:y"], "val")
    write_seen(tmp_path, train, val, train)
    assert read_seen(tmp_path).rows() == [
        ("chest", "1", "a", "train"),
        ("chest", "2", "b", "train"),
        ("folder-1a2b", "x:y", "c", "val"),
    ]


def test_a_film_that_trained_anywhere_counts_as_trained_on(tmp_path):
    write_seen(tmp_path, seen_films(["a"], ["chest:1"], "val"), seen_films(["a"], ["chest:1"], "train"))
    assert read_seen(tmp_path)["part"].to_list() == ["train"]


def test_two_collections_may_have_films_of_one_name(tmp_path):
    write_seen(tmp_path, seen_films(["a", "a"], ["chest:1", "pad:1"], "train"))
    assert read_seen(tmp_path)["collection"].to_list() == ["chest", "pad"]


def test_no_ledger_is_not_an_empty_one(tmp_path):
    assert read_seen(tmp_path) is None
    write_seen(tmp_path)
    assert read_seen(tmp_path).is_empty()


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    pl.DataFrame({"image_id": ["a"]}).write_parquet(tmp_path / "seen.parquet")
    with pytest.raises(HilumError, match="expected collection, patient_id, image_id, part; found image_id"):
        read_seen(tmp_path)
    (tmp_path / "seen.parquet").write_bytes(b"PAR1")
    with pytest.raises(HilumError, match="expected a Parquet file"):
        read_seen(tmp_path)
