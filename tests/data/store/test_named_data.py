"""Data sets as commands are reported them."""

import shutil

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.data.preprocess import parse_recipe
from hilum.data.store import open_or_build_store, read_named
from hilum.errors import HilumError
from hilum.phantom import write_layout

RECIPE = parse_recipe([{"resize": 32}])


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("named") / "CXR8"
    write_layout("chestxray14", root, images=12, size=48, seed=0)
    return root


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 30), 40 * number, np.uint8))
    return folder


def test_a_collection_is_read_by_its_name_and_any_other_name_is_a_folder_of_images(images, own):
    generated = read_named(f"chestxray14={images}")
    assert (len(generated.manifest), generated.issuer, generated.store_dir) == (12, "phantom-s0", None)
    first = generated.manifest.row(0, named=True)
    assert generated.patients([first["image_id"]]) == [f"phantom-s0:{first['patient_id']}"]
    ours = read_named(f"ward_7={own}")
    assert (ours.dataset.name, ours.issuer, len(ours.manifest)) == ("folder", "ward_7", 3)


def test_what_a_command_kept_is_opened_without_the_images(images, tmp_path):
    there = tmp_path / "images"
    shutil.copytree(images, there)
    data = read_named(f"chestxray14={there}")
    store = open_or_build_store(data, RECIPE, tmp_path / "stores")
    shutil.rmtree(there)
    (folder,) = (tmp_path / "stores").iterdir()
    assert folder.name.startswith("chestxray14-")
    again = read_named(f"whatever={folder}")
    assert again.manifest.equals(data.manifest)
    assert again.patients(store.image_ids) == data.patients(store.image_ids)
    assert open_or_build_store(again, RECIPE, tmp_path / "more").directory == store.directory
    assert not (tmp_path / "more").exists()
    with pytest.raises(
        HilumError, match="expected images that can be read"
    ):  # of another recipe, and the images are gone
        open_or_build_store(again, parse_recipe([{"resize": 16}]), tmp_path / "more")


def test_images_are_decoded_once_for_each_recipe(images, tmp_path):
    data, done = read_named(f"chestxray14={images}"), []
    for recipe in (RECIPE, RECIPE, parse_recipe([{"resize": 16}])):
        open_or_build_store(data, recipe, tmp_path, on_progress=lambda *message: done.append(message))
        done.append("done")
    assert [what for what, before in zip(done[1:], done[:-1], strict=True) if what == before == "done"] == ["done"]
    assert len(list(tmp_path.iterdir())) == 2


def test_what_ingest_left_is_read_and_its_options_are_settled(images, tmp_path):
    ingested = tmp_path / "ingested"
    arguments = ["ingest", "chestxray14", str(images), "--out", str(ingested)]
    assert CliRunner().invoke(hilum.cli.make_app(), arguments).exit_code == 0
    data = read_named(f"cxr={ingested}")
    assert (data.dataset.name, data.issuer) == ("chestxray14", "phantom-s0")
    assert data.dataset.boxes is not None
    assert data.manifest.equals(read_named(f"chestxray14={images}").manifest)
    with pytest.raises(HilumError, match="--labels: expected nothing for ingested images"):
        read_named(f"cxr={ingested}", labels=tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("CXR8", "expected NAME=FOLDER, with a plain name; found 'CXR8'"),
        ("=CXR8", "found '=CXR8'"),
        ("../x=CXR8", "with a plain name"),
        ("ours=nowhere", "expected a folder; found nowhere, which does not exist"),
    ],
)
def test_what_is_no_data_set_is_reported(message, complaint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HilumError, match=complaint):
        read_named(message)


def test_a_bare_store_has_no_patients_and_is_refused(images, tmp_path):
    store = open_or_build_store(read_named(f"chestxray14={images}"), RECIPE, tmp_path)
    with pytest.raises(HilumError, match="a store with pixels only"):
        read_named(f"chestxray14={store.directory}")
