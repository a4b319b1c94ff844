"""Duplicates in the pools of a pretraining without a study: repeated images, and copies of excluded images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import hilum
from hilum.data.preprocess import parse_recipe
from hilum.data.store import open_or_build_store, read_named
from hilum.encoders.card import read_card
from hilum.errors import HilumError
from hilum.runs.pools.copies import counted_once, equal_files, equal_pixels, pixel_copies
from hilum.runs.pools.pool_copies import without_copies
from hilum.runs.pools.pretraining_pool import pretraining_pool, without_excluded_elsewhere

RECIPE = parse_recipe([{"square": "pad"}, {"resize": 32}])
LARGE = parse_recipe([{"square": "pad"}, {"resize": 64}])


def made(number: int, side: int = 40) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 256, (9, 9), dtype=np.uint8)
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)


def folder(root: Path, numbers, *, test=(), patients=True, name="{}.png", recode=None) -> Path:
    """One image a number, two images a patient; those of patients in `test` are on the test list."""
    root.mkdir(parents=True)
    lines = ["image,patient_id,split,Mass"]
    for number in numbers:
        path = root / name.format(number)
        cv2.imwrite(
            str(path),
            made(number) if recode is None else recode(made(number)),
            [cv2.IMWRITE_PNG_COMPRESSION, 0 if recode else 3],
        )
        lines.append(f"{path.name},p{number // 2},{'test' if number // 2 in test else 'train'},{number % 2}")
    if patients:
        (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def cleared(tmp_path, roots: dict[str, Path], recipe=RECIPE):
    data = {}
    for name, root in roots.items():
        labels = root / "labels.csv"
        data[name] = read_named(f"{name}={root}", labels=labels if labels.is_file() else None)
    stores = {name: open_or_build_store(each, recipe, tmp_path / "stores") for name, each in data.items()}
    pools = {name: pretraining_pool(each, stores[name].image_ids) for name, each in data.items()}
    return data, without_copies(data, stores, without_excluded_elsewhere(data, pools))


def test_a_folder_named_twice_is_one_folder_and_its_patients_are_seen_under_both_names(tmp_path):
    root = folder(tmp_path / "a", range(8))
    for roots in ({"a": root, "again": root}, {"a": root, "again": root / ".." / "a"}):
        data, found = cleared(tmp_path, roots)
        assert list(found.pools) == ["a"]
        assert found.pools["a"].image_ids == [f"{number}.png" for number in range(8)]
        assert found.counted_once == {"again": 8}
        assert set(found.copied_patients) == set(data["again"].patients(data["again"].manifest["image_id"].to_list()))
        assert any(
            "again: all of its images are duplicates of other data sets" in note
            for note in map(str, found.pools["a"].notes)
        )


@pytest.mark.parametrize("recode", [None, lambda image: image])
def test_images_of_equal_bytes_or_pixels_count_once_and_those_with_labels_are_kept(tmp_path, recode):
    roots = {
        "all": folder(tmp_path / "all", range(12), patients=False, name="x{}.png", recode=recode),
        "ours": folder(tmp_path / "ours", range(4)),
    }
    data, found = cleared(tmp_path, roots)
    assert found.counted_once == {"all": 4}
    assert sorted(found.pools["all"].image_ids) == sorted(f"x{number}.png" for number in range(4, 12))
    assert len(found.pools["ours"].image_ids) == 4
    assert set(found.copied_patients) == set(data["all"].patients([f"x{number}.png" for number in range(4)]))
    assert "4 images are duplicates of other training images, and are counted once" in map(
        str, found.pools["all"].notes
    )


@pytest.mark.parametrize("ids", [True, False])
@pytest.mark.parametrize(
    ("recode", "recipe"),
    [
        (None, RECIPE),
        (lambda image: image, RECIPE),
        (lambda image: cv2.resize(cv2.convertScaleAbs(image, alpha=0.9, beta=8), (60, 60)), LARGE),
    ],
)
def test_copies_of_left_out_images_are_left_out_with_all_images_of_their_patients(tmp_path, recode, recipe, ids):
    roots = {
        "ours": folder(tmp_path / "ours", range(8), test={0}),
        "more": folder(tmp_path / "more", [0, *range(3, 9)], patients=ids, name="m{}.png", recode=recode),
    }
    (tmp_path / "more" / "m1.png").write_bytes(cv2.imencode(".png", made(77))[1].tobytes())
    if ids:
        text = (
            (tmp_path / "more" / "labels.csv")
            .read_text()
            .replace("p", "q")
            .replace("mqng", "mpng")
            .replace(".qng", ".png")
        )
        (tmp_path / "more" / "labels.csv").write_text(
            text.replace("image,qatient_id,sqlit", "image,patient_id,split") + "m1.png,q0,train,0\n"
        )
    _, found = cleared(tmp_path, roots, recipe)
    learnt = set(found.pools["more"].image_ids)
    assert "m0.png" not in learnt
    assert ("m1.png" in learnt) is not ids  # the other image of the same patient, where that is known
    assert found.left_out == {"more": 2 if ids else 1}
    assert {"m8.png"} <= learnt


def test_equal_ids_under_two_names_are_reported(tmp_path):
    roots = {"ours": folder(tmp_path / "ours", range(8), test={0}), "more": folder(tmp_path / "more", range(20, 24))}
    text = (tmp_path / "more" / "labels.csv").read_text().replace("p10", "p0")
    (tmp_path / "more" / "labels.csv").write_text(text)
    _, found = cleared(tmp_path, roots)
    (note,) = [note for note in map(str, found.pools["more"].notes) if "same people" in note]
    assert note.startswith(
        "are these the same people? 1 patient ids in the pool are also ids of patients that ours excludes (p0)"
    )


def test_nothing_but_copies_of_left_out_images_is_refused(tmp_path):
    roots = {
        "ours": folder(tmp_path / "ours", range(8), test={0}),
        "more": folder(tmp_path / "more", [0, 1], patients=False, name="m{}.png"),
    }
    with pytest.raises(HilumError, match="--data more: expected images to train on; found only copies"):
        cleared(tmp_path, roots)


def test_published_data_sets_alone_are_not_searched_and_keep_what_their_tables_name_twice(tmp_path):
    from hilum.phantom import write_layout

    write_layout("chestxray14", tmp_path / "cxr", images=6, size=32, seed=0)
    data = {"chestxray14": read_named(f"chestxray14={tmp_path / 'cxr'}")}
    paths = [tmp_path / "cxr" / path for path in data["chestxray14"].manifest["path"]]
    paths[1].write_bytes(paths[0].read_bytes())
    assert equal_files(data) == []
    pools = {"chestxray14": data["chestxray14"].manifest["image_id"].to_list()}
    both = [("chestxray14", image_id) for image_id in pools["chestxray14"][:2]]
    assert counted_once(data, pools, [both]) == pools


def test_even_images_are_no_copies_by_pixels(tmp_path):
    root = folder(tmp_path / "a", range(3))
    for shade in (0, 7):
        cv2.imwrite(str(root / f"even{shade}.png"), np.full((40, 40), shade, np.uint8))
        cv2.imwrite(str(root / f"even{shade}b.png"), np.full((41, 41), shade, np.uint8))
    data = {"a": read_named(f"a={root}")}
    store = {"a": open_or_build_store(data["a"], RECIPE, tmp_path / "stores")}
    assert equal_pixels(store, {"a": store["a"].image_ids}) == []
    assert pixel_copies({"a": ["even0.png"]}, store, {"a": ["even0b.png", "1.png"]}) == []


def test_equal_copies_of_a_near_copy_are_all_found(tmp_path):
    brighter = cv2.convertScaleAbs(made(1, 64), alpha=0.9, beta=8)
    root = tmp_path / "a"
    root.mkdir()
    cv2.imwrite(str(root / "held.png"), made(1, 64))
    for number in range(3):
        cv2.imwrite(str(root / f"near{number}.png"), brighter)
    cv2.imwrite(str(root / "other.png"), made(2, 64))
    data = read_named(f"a={root}")
    store = {"a": open_or_build_store(data, LARGE, tmp_path / "stores")}
    found = pixel_copies({"a": ["held.png"]}, store, {"a": ["near0.png", "near1.png", "near2.png", "other.png"]})
    assert {(copy.image_id, copy.of_image_id, copy.kind) for copy in found} == {
        (f"near{number}.png", "held.png", "near") for number in range(3)
    }


def test_the_weights_of_a_folder_named_twice_are_those_of_the_folder(tmp_path):
    root = folder(tmp_path / "a", range(16))
    how = {"epochs": 1, "batch_size": 8, "preprocess": [{"square": "pad"}, {"resize": 32}], "device": "cpu"}
    how |= {"settings": ["probe_every=0"]}
    once = hilum.pretrain("simclr", {"a": root}, "small_convnet", tmp_path / "once", **how)
    twice = hilum.pretrain("simclr", {"a": root, "b": root}, "small_convnet", tmp_path / "twice", **how)
    assert once.card.sha256 == twice.card.sha256
    assert twice.about["copies"] == {"counted_once": {"b": 16}, "left_out": {}}
    assert twice.about["images"] == 16
    assert set(read_card(tmp_path / "twice").ledger.patients_of) == {"a", "b"}
