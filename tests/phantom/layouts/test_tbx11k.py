import json
from xml.etree import ElementTree

import cv2
import pytest


def test_the_folder_has_the_native_files(generated):
    root, written = generated("tbx11k")
    assert sorted(path.name for path in (root / "lists").iterdir()) == [
        "TBX11K_train.txt", "TBX11K_trainval.txt", "TBX11K_val.txt",
        "all_test.txt", "all_train.txt", "all_trainval.txt", "all_val.txt",
    ]  # fmt: skip
    listed = (root / "lists" / "TBX11K_trainval.txt").read_text().split()
    assert sorted(listed) == written.manifest.filter(written.manifest["split"] != "test")["image_id"].to_list()
    for path in written.manifest["path"]:
        radiograph = cv2.imread(str(root / path), cv2.IMREAD_UNCHANGED)
        assert radiograph.shape == (32, 32, 3)
        assert (radiograph[..., 0] == radiograph[..., 2]).all()


def test_json_and_xml_say_the_same(generated):
    root, written = generated("tbx11k")
    message = json.loads((root / "annotations" / "json" / "TBX11K_trainval.json").read_text())
    assert [category["name"] for category in message["categories"]] == [
        "ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis",
    ]  # fmt: skip
    names = {image["id"]: image["file_name"] for image in message["images"]}
    boxes = [(names[drawn["image_id"]], drawn["category_id"], *drawn["bbox"]) for drawn in message["annotations"]]
    assert len(boxes) == len(written.boxes) > 5
    ids = {category["name"]: category["id"] for category in message["categories"]}
    drawn = []
    for path in sorted((root / "annotations" / "xml").iterdir()):
        radiograph = ElementTree.parse(path).getroot()
        for found in radiograph.iter("object"):
            corners = [float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
            shape = (corners[0], corners[1], corners[2] - corners[0], corners[3] - corners[1])
            drawn.append((radiograph.findtext("filename"), ids[found.findtext("name")], *shape))
    for one, other in zip(sorted(boxes), sorted(drawn), strict=True):
        assert one[:2] == other[:2]
        assert one[2:] == pytest.approx(other[2:])


def test_tuberculosis_is_active_latent_or_both(generated):
    manifest = generated("tbx11k")[1].manifest
    kinds = set(
        manifest.filter(manifest["Tuberculosis"] == 1).select("Active Tuberculosis", "Latent Tuberculosis").rows()
    )
    assert {(1, 0), (0, 1), (1, 1)} <= kinds
    assert manifest["Other Disease"].sum() > 0
