import json

import numpy as np
import pytest

from hilum.data.doctor import measurements
from hilum.data.doctor.images import measure
from hilum.data.doctor.measurements import measure_images


def test_every_image_is_measured_in_the_order_of_the_manifest(images, radiographs, tmp_path):
    manifest = images(list("pqrs"))
    root = radiographs(tmp_path / "images", manifest)
    found = measure_images(manifest, root, tmp_path / "out", workers=2)
    for row, path in enumerate(manifest["path"]):
        image, small = measure(root / path)
        assert found.images["pixel_sha256"][row] == image.pixel_sha256
        assert found.images["mean"][row] == image.mean
        assert np.array_equal(found.thumbnails[row], small)
    assert found.images["image_id"].to_list() == manifest["image_id"].to_list()
    assert found.images["reason"].null_count() == 4


def test_what_cannot_be_read_is_set_aside_with_a_reason(images, radiographs, tmp_path):
    manifest = images(list("pqrs")).with_columns(path=np.array(["a0.png", "a1.png", "a2.png", None]))
    root = radiographs(tmp_path / "images", manifest.drop_nulls("path"))
    (root / "a0.png").write_bytes(b"")
    (root / "a1.png").write_bytes((root / "a1.png").read_bytes()[:200])
    found = measure_images(manifest, root, tmp_path / "out")
    reasons = found.images["reason"].to_list()
    assert reasons[0] == "empty file"
    assert reasons[1].startswith("broken PNG")
    assert reasons[2:] == [None, "not on disk"]
    assert found.images["height"].to_list() == [None, None, 40, None]
    assert not found.thumbnails[[0, 1, 3]].any()


def test_a_second_look_decodes_nothing(images, radiographs, tmp_path, monkeypatch):
    manifest = images(list("pqrs"))
    root = radiographs(tmp_path / "images", manifest)
    first = measure_images(manifest, root, tmp_path / "out")
    monkeypatch.setattr(measurements, "measure", lambda path: pytest.fail("decoded again"))
    second = measure_images(manifest, root, tmp_path / "out")
    assert second.images.equals(first.images)
    assert np.array_equal(second.thumbnails, first.thumbnails)


def test_a_changed_file_is_measured_again(images, radiographs, tmp_path):
    manifest = images(list("pq"))
    root = radiographs(tmp_path / "images", manifest)
    first = measure_images(manifest, root, tmp_path / "out").images["file_sha256"].to_list()
    (root / "a0.png").write_bytes((root / "a1.png").read_bytes())
    second = measure_images(manifest, root, tmp_path / "out").images["file_sha256"].to_list()
    assert second == [first[1], first[1]]


def test_a_killed_run_goes_on_where_it_was(images, radiographs, tmp_path, monkeypatch):
    manifest = images([f"p{number}" for number in range(60)])
    root = radiographs(tmp_path / "images", manifest)
    whole = measure_images(manifest, root, tmp_path / "whole")
    seen = []

    def stop_after_the_first_batch(done, total, note):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_images(manifest, root, tmp_path / "out", workers=1, on_progress=stop_after_the_first_batch)
    journal = tmp_path / ".out.partial" / "journal.jsonl"
    journal.write_text(journal.read_text() + json.dumps([59, {"reason": "half a li"}])[:-9])
    monkeypatch.setattr(measurements, "measure", lambda path: seen.append(path.name) or measure(path))
    resumed = measure_images(manifest, root, tmp_path / "out", workers=1)
    assert 0 < len(seen) <= 28
    assert resumed.images.equals(whole.images)
    assert np.array_equal(resumed.thumbnails, whole.thumbnails)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "images.parquet",
        "order.json",
        "thumbnails.raw",
    ]


def test_threads_do_not_change_the_result(images, radiographs, tmp_path):
    manifest = images([f"p{number}" for number in range(40)])
    root = radiographs(tmp_path / "images", manifest)
    one = measure_images(manifest, root, tmp_path / "one", workers=1)
    many = measure_images(manifest, root, tmp_path / "many", workers=4)
    assert one.images.equals(many.images)
    assert np.array_equal(one.thumbnails, many.thumbnails)
