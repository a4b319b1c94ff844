import json

import numpy as np
import pytest

from hilum.data.doctor import measuring
from hilum.data.doctor.measuring import measure_films
from hilum.data.doctor.pictures import measure


def test_every_film_is_measured_in_the_order_of_the_manifest(films, radiographs, tmp_path):
    manifest = films(list("pqrs"))
    root = radiographs(tmp_path / "films", manifest)
    found = measure_films(manifest, root, tmp_path / "out", workers=2)
    for row, path in enumerate(manifest["path"]):
        picture, small = measure(root / path)
        assert found.pictures["pixel_sha256"][row] == picture.pixel_sha256
        assert found.pictures["mean"][row] == picture.mean
        assert np.array_equal(found.thumbnails[row], small)
    assert found.pictures["image_id"].to_list() == manifest["image_id"].to_list()
    assert found.pictures["reason"].null_count() == 4


def test_what_cannot_be_read_is_set_aside_with_a_reason(films, radiographs, tmp_path):
    manifest = films(list("pqrs")).with_columns(path=np.array(["a0.png", "a1.png", "a2.png", None]))
    root = radiographs(tmp_path / "films", manifest.drop_nulls("path"))
    (root / "a0.png").write_bytes(b"")
    (root / "a1.png").write_bytes((root / "a1.png").read_bytes()[:200])
    found = measure_films(manifest, root, tmp_path / "out")
    reasons = found.pictures["reason"].to_list()
    assert reasons[0] == "empty file"
    assert reasons[1].startswith("broken PNG")
    assert reasons[2:] == [None, "not on disk"]
    assert found.pictures["height"].to_list() == [None, None, 40, None]
    assert not found.thumbnails[[0, 1, 3]].any()


def test_a_second_look_decodes_nothing(films, radiographs, tmp_path, monkeypatch):
    manifest = films(list("pqrs"))
    root = radiographs(tmp_path / "films", manifest)
    first = measure_films(manifest, root, tmp_path / "out")
    monkeypatch.setattr(measuring, "measure", lambda path: pytest.fail("decoded again"))
    second = measure_films(manifest, root, tmp_path / "out")
    assert second.pictures.equals(first.pictures)
    assert np.array_equal(second.thumbnails, first.thumbnails)


def test_a_changed_file_is_measured_again(films, radiographs, tmp_path):
    manifest = films(list("pq"))
    root = radiographs(tmp_path / "films", manifest)
    first = measure_films(manifest, root, tmp_path / "out").pictures["file_sha256"].to_list()
    (root / "a0.png").write_bytes((root / "a1.png").read_bytes())
    second = measure_films(manifest, root, tmp_path / "out").pictures["file_sha256"].to_list()
    assert second == [first[1], first[1]]


def test_a_killed_run_goes_on_where_it_was(films, radiographs, tmp_path, monkeypatch):
    manifest = films([f"p{number}" for number in range(60)])
    root = radiographs(tmp_path / "films", manifest)
    whole = measure_films(manifest, root, tmp_path / "whole")
    seen = []

    def stop_at_the_third_batch(done, total, note):
        if done > 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_films(manifest, root, tmp_path / "out", workers=1, on_progress=stop_at_the_third_batch)
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    journal.write_text(journal.read_text() + json.dumps([59, {"reason": "half a li"}])[:-9])
    monkeypatch.setattr(measuring, "measure", lambda path: seen.append(path.name) or measure(path))
    resumed = measure_films(manifest, root, tmp_path / "out", workers=1)
    assert 0 < len(seen) <= 28
    assert resumed.pictures.equals(whole.pictures)
    assert np.array_equal(resumed.thumbnails, whole.thumbnails)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "order.json",
        "pictures.parquet",
        "thumbnails.raw",
    ]


def test_threads_do_not_change_the_result(films, radiographs, tmp_path):
    manifest = films([f"p{number}" for number in range(40)])
    root = radiographs(tmp_path / "films", manifest)
    one = measure_films(manifest, root, tmp_path / "one", workers=1)
    many = measure_films(manifest, root, tmp_path / "many", workers=4)
    assert one.pictures.equals(many.pictures)
    assert np.array_equal(one.thumbnails, many.thumbnails)
