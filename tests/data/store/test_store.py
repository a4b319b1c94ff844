import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from hilum.data.pixels import read_gray, read_image
from hilum.data.preprocess import parse_recipe, preprocess
from hilum.data.store import build as store_building, build_store, open_store
from hilum.errors import HilumError

RECIPE = parse_recipe([{"square": "pad"}, {"resize": 16}])


@pytest.fixture
def decoded(monkeypatch):
    """The paths decoded so far."""
    seen = []

    def counting(path, window):
        seen.append(path.name)
        return read_image(path, window)

    monkeypatch.setattr(store_building, "read_image", counting)
    return seen


@pytest.fixture
def hundred(tmp_path, images, radiographs):
    manifest = images([f"p{number}" for number in range(100)])
    return manifest, radiographs(tmp_path / "root", manifest)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def assert_right(store, manifest, root):
    """Every row of the store is what decoding and preprocessing that image alone gives."""
    path_of = dict(manifest.select("image_id", "path").iter_rows())
    for row, image_id in enumerate(store.image_ids):
        assert np.array_equal(store.pixels[row], preprocess(read_gray(root / path_of[image_id]), RECIPE))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_store_holds_every_image_decoded_and_preprocessed(tmp_path, hundred, workers):
    manifest, root = hundred
    store = build_store(manifest, root, RECIPE, tmp_path / "store", workers=workers)
    assert store.image_ids == manifest["image_id"].to_list()
    assert store.pixels.shape == (100, 16, 16)
    assert_right(store, manifest, root)
    assert files(tmp_path / "store") == [
        "pixels/images.npy",
        "pixels/index.parquet",
        "rejected.parquet",
        "remarks.parquet",
        "store.json",
    ]
    assert np.array_equal(np.load(tmp_path / "store" / "pixels" / "images.npy"), store.pixels)


def test_the_recipe_decides_what_becomes_of_a_dicom_window(tmp_path, images, dicom):
    root = dicom(
        np.arange(0, 65_536, 256, dtype=np.uint16).reshape(16, 16), "a0.png", WindowCenter=9, WindowWidth=2
    ).parent
    manifest = images(["p"])
    header, full = (
        build_store(manifest, root, parse_recipe([{"window": window}, {"resize": 16}]), tmp_path / "stores" / window)
        for window in ("header", "full")
    )
    assert np.unique(header.pixels).tolist() == [0, 255]
    assert np.array_equal(full.pixels[0].ravel(), np.arange(256))
    assert full.recipe.window == "full"


def test_unreadable_images_are_set_aside_with_their_reason_and_take_no_row(tmp_path, hundred, capfd):
    manifest, root = hundred
    (root / "a0.png").write_bytes(b"")
    (root / "a7.png").write_text("not an image")
    (root / "a50.png").write_bytes((root / "a50.png").read_bytes()[:200])
    (root / "a98.png").unlink()
    manifest = manifest.with_columns(pl.when(pl.col("image_id") != "a99").then("path").alias("path"))
    store = build_store(manifest, root, RECIPE, tmp_path / "store")
    assert store.pixels.shape == (95, 16, 16)
    assert sorted(store.image_ids) == sorted(set(manifest["image_id"]) - {"a0", "a7", "a50", "a98", "a99"})
    assert_right(store, manifest, root)
    reasons = dict(store.rejected.select("image_id", "reason").iter_rows())
    assert reasons.pop("a50").startswith("broken PNG")
    assert reasons == {
        "a0": "empty file",
        "a7": "a text file",
        "a98": "no such file or directory",
        "a99": "not on disk",
    }
    assert json.loads((tmp_path / "store" / "store.json").read_text())["rejected"] == 5
    assert np.load(tmp_path / "store" / "pixels" / "images.npy").shape == (95, 16, 16)


def test_rows_are_found_by_id_and_missing_images_are_reported(tmp_path, hundred):
    manifest, root = hundred
    (root / "a3.png").write_bytes(b"")
    store = build_store(manifest, root, RECIPE, tmp_path / "store")
    assert [store.image_ids[row] for row in store.rows(["a42", "a1", "a42"])] == ["a42", "a1", "a42"]
    assert store.has(["a3", "a4"]).tolist() == [False, True]
    with pytest.raises(HilumError, match=r"found 2 missing \(a3, zz\), 1 of them unreadable"):
        store.rows(["a3", "zz", "a4"])


def test_nothing_is_done_again_for_the_same_images_and_recipe(tmp_path, hundred, decoded):
    manifest, root = hundred
    build_store(manifest, root, RECIPE, tmp_path / "store")
    assert len(decoded) == 100
    build_store(manifest, root, RECIPE, tmp_path / "store")
    assert len(decoded) == 100


@pytest.mark.parametrize("change", ["recipe", "images", "an image's content"])
def test_another_recipe_or_other_images_are_built_anew(tmp_path, hundred, decoded, change):
    manifest, root = hundred
    build_store(manifest, root, RECIPE, tmp_path / "store")
    recipe = parse_recipe([{"resize": 8}]) if change == "recipe" else RECIPE
    manifest = manifest.head(60) if change == "images" else manifest
    if change == "an image's content":
        (root / "a5.png").write_bytes(b"")
    store = build_store(manifest, root, recipe, tmp_path / "store")
    assert store.pixels.shape == {"recipe": (100, 8, 8), "images": (60, 16, 16)}.get(change, (99, 16, 16))
    assert len(decoded) == 100 + len(manifest)
    assert files(tmp_path) == sorted(
        [f"root/{name}" for name in files(root)] + [f"store/{name}" for name in files(tmp_path / "store")]
    )


KILLED = """
import os, signal, sys
from pathlib import Path
import polars as pl
from hilum.data.preprocess import parse_recipe
from hilum.data.store.store import build_store
def killing(done, total, note):
    if done >= 64:
        os.kill(os.getpid(), signal.SIGKILL)
folder = Path(sys.argv[1])
recipe = parse_recipe([{"square": "pad"}, {"resize": 16}])
build_store(pl.read_parquet(folder / "m.parquet"), folder / "root", recipe, folder / "store", workers=1, on_progress=killing)
"""


def test_a_killed_build_goes_on_and_ends_with_the_same_bytes(tmp_path, hundred, decoded):
    manifest, root = hundred
    for name in ("a3.png", "a90.png"):
        (root / name).write_bytes(b"")
    whole = build_store(manifest, root, RECIPE, tmp_path / "whole")
    decoded.clear()
    manifest.write_parquet(tmp_path / "m.parquet")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    assert not (tmp_path / "store").exists()
    with (tmp_path / ".store.partial" / "journal.jsonl").open("a") as journal:
        journal.write('[64, "a line cut sh')
    progress = []
    store = build_store(
        manifest, root, RECIPE, tmp_path / "store", workers=3, on_progress=lambda *message: progress.append(message)
    )
    assert sorted(decoded) == sorted(f"a{number}.png" for number in range(64, 100))
    assert progress[0] == (64, 100, "")
    assert progress[-1] == (100, 100, "2 rejected")
    for name in ("pixels/images.npy", "pixels/index.parquet", "rejected.parquet", "remarks.parquet", "store.json"):
        assert (tmp_path / "store" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert store.image_ids == whole.image_ids
    assert not (tmp_path / ".store.partial").exists()


def test_a_build_killed_just_before_its_end_only_finishes(tmp_path, hundred, decoded, monkeypatch):
    manifest, root = hundred
    (root / "a3.png").write_bytes(b"")
    whole = build_store(manifest, root, RECIPE, tmp_path / "whole")
    shorten = store_building._shorten
    for step in ("_shorten", "_describe", "_close_holes"):
        after = getattr(store_building, step)

        def interrupted(*arguments, after=after):
            after(*arguments)
            raise KeyboardInterrupt

        monkeypatch.setattr(store_building, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_store(manifest, root, RECIPE, tmp_path / "store")
        monkeypatch.setattr(store_building, step, after)
        decoded.clear()
        store = build_store(manifest, root, RECIPE, tmp_path / "store")
        assert decoded == []
        assert np.array_equal(store.pixels, whole.pixels)
        assert (tmp_path / "store" / "pixels" / "images.npy").stat().st_size == 128 + 99 * 256
        (tmp_path / "store").rename(tmp_path / step)
    assert store_building._shorten is shorten


def test_an_interrupted_build_of_something_else_is_not_mixed_in(tmp_path, hundred, decoded):
    manifest, root = hundred

    def interrupt(done, total, note):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_store(manifest, root, parse_recipe([{"resize": 8}]), tmp_path / "store", on_progress=interrupt)
    decoded.clear()
    store = build_store(manifest, root, RECIPE, tmp_path / "store")
    assert len(decoded) == 100
    assert_right(store, manifest, root)


def test_no_readable_image_at_all_is_an_error_that_leaves_nothing(tmp_path, images):
    (tmp_path / "root").mkdir()
    with pytest.raises(HilumError, match=r"found none of 2 \(most often: no such file or directory, 2\)"):
        build_store(images(["p", "q"]), tmp_path / "root", RECIPE, tmp_path / "store")
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_folder_with_other_things_in_it_is_not_replaced(tmp_path, hundred):
    manifest, root = hundred
    with pytest.raises(HilumError, match="100 other files or folders in it"):
        build_store(manifest, root, RECIPE, root)
    assert len(files(root)) == 100


def test_what_is_no_store_is_refused(tmp_path, hundred):
    with pytest.raises(HilumError, match=r"expected a pixel store; found no store.json"):
        open_store(tmp_path)
    manifest, root = hundred
    build_store(manifest, root, RECIPE, tmp_path / "store")
    index = tmp_path / "store" / "pixels" / "index.parquet"
    pl.read_parquet(index).head(50).write_parquet(index)
    with pytest.raises(HilumError, match=r"expected a complete pixel store; found uint8 \(100, 16, 16\) for 50 images"):
        open_store(tmp_path / "store")
    index.unlink()
    with pytest.raises(HilumError, match="expected a complete pixel store"):
        open_store(tmp_path / "store")
