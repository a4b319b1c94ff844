"""Fine-tuning outside of a study looks for test images among what was learnt from, as a study does."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import hilum
from hilum.data.recipe import parse_recipe
from hilum.data.store import build_store, read_named
from hilum.errors import HilumErrors
from hilum.notes import Code
from hilum.runs.inputs import check_copies

SETTINGS = {"encoder": "resnet18", "labels": "labels.csv", "preprocess": [{"resize": 32}], "split": "official"}


@pytest.fixture
def ours(tmp_path) -> Path:
    """Thirty patients of one image: twelve train, eight validate, ten test."""
    root = tmp_path / "ours"
    root.mkdir()
    lines = ["image,patient_id,split,Mass"]
    for number in range(30):
        noise = np.random.default_rng(number).integers(0, 256, (13, 13), dtype=np.uint8)
        cv2.imwrite(str(root / f"a{number}.png"), cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC))
        part = "train" if number < 12 else "val" if number < 20 else "test"
        lines.append(f"a{number}.png,p{number},{part},{number % 2}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def copied(ours: Path, kind: str) -> None:
    """Make a training image a copy of a test image."""
    image = cv2.imread(str(ours / "a25.png"), 0)
    if kind == "bytes":
        (ours / "a3.png").write_bytes((ours / "a25.png").read_bytes())
    elif kind == "pixels":
        cv2.imwrite(str(ours / "a3.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    else:
        compressed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        cv2.imwrite(str(ours / "a3.png"), cv2.imdecode(compressed, 0))


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("bytes", "has the same bytes as"),
        ("pixels", "has the same pixels as"),
        ("near", "is a near-duplicate of"),
    ],
)
def test_training_images_that_are_test_images_are_refused_before_training(ours, tmp_path, kind, shows):
    copied(ours, kind)
    with pytest.raises(HilumErrors, match=rf"a3\.png {shows} a25\.png"):
        hilum.finetune({"ours": ours}, tmp_path / "out", **SETTINGS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("size", "patients"), [(32, True), (24, True), (32, False)])
def test_what_is_not_known_is_noted(ours, tmp_path, size, patients):
    if not patients:
        lines = [line.split(",") for line in (ours / "labels.csv").read_text().splitlines()]
        (ours / "labels.csv").write_text("\n".join(f"{name},{mass}" for name, _, _, mass in lines) + "\n")
    data = read_named(f"ours={ours}", labels=ours / "labels.csv")
    store = build_store(data.manifest, ours, parse_recipe([{"resize": size}]), tmp_path / "store")
    images = store.image_ids
    notes = list(map(str, check_copies(data, store, images[:12], images[12:], include=False)))
    said = ["it is unknown whether training and test images are of the same patients: 30 images have no patient id"] * (
        not patients
    )
    assert [note for note in notes if "patient id" in note] == said
    assert any("24 px have too little detail" in note for note in notes) == (size == 24)
    copied(ours, "bytes")
    assert check_copies(data, store, images, images[12:], include=True)[0].code is Code.COPIES_INCLUDED
