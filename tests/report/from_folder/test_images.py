"""Images that commands left in a folder come back with their maps, boxes, images and the rule that chose them."""

import json
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store
from hilum.report.content import Box
from hilum.report.from_folder import cases_in, embeddings_in

IDS = [f"film{number}.png" for number in range(6)]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("images")
    for number, name in enumerate(IDS):
        cv2.imwrite(str(root / name), np.full((32, 32), 40 * number, np.uint8))
    manifest = pl.DataFrame({"image_id": IDS, "path": IDS})
    directory = tmp_path_factory.mktemp("store") / "images"
    build_store(manifest, root, parse_recipe([{"resize": 32}]), directory, workers=1)
    return directory


@pytest.fixture
def explained(tmp_path) -> Path:
    index = pl.DataFrame({"row": [0, 1], "image_id": [IDS[3], IDS[1]], "finding": ["Mass", "Edema"]})
    index.write_parquet(tmp_path / "heat_maps.parquet")
    chosen = pl.DataFrame({"finding": ["Edema"], "rule": ["true positive"], "image_id": [IDS[1]]})
    chosen.write_parquet(tmp_path / "shown.parquet")
    box = {"image_id": IDS[3], "finding": "Mass", "x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}
    pl.DataFrame([box]).write_parquet(tmp_path / "boxes.parquet")
    models = []
    for number, arm in enumerate(("scratch", "simclr")):
        maps = np.zeros((2, 4, 4), np.float32)
        maps[:, number, 2] = 1
        np.save(tmp_path / f"heat_maps_{number + 1}.npy", maps)
        models.append(
            {
                "name": f"{arm} (seed 0)",
                "arm": arm,
                "maps": f"heat_maps_{number + 1}.npy",
                "begin_and_end_on_image": [0, 1],
            }
        )
    message = {"method": "layercam", "models": models, "notes": ["2 images cannot be read"]}
    (tmp_path / "explain.json").write_text(json.dumps(message))
    return tmp_path


def test_an_image_comes_with_its_maps_its_boxes_its_image_and_the_rule_that_chose_it(explained, store):
    found = cases_in([explained], [store], {"scratch": [], "simclr": []})
    assert [case.image_id for case in found.cases] == [IDS[1], IDS[3]]  # images to look at come first
    chosen, boxed = found.cases
    assert chosen.chosen == {"Edema": "true positive"}
    assert boxed.chosen == {}
    assert boxed.boxes == [Box("Mass", 0.1, 0.2, 0.3, 0.4)]
    assert set(boxed.heat) == {("scratch", "Mass"), ("simclr", "Mass")}
    rows = [np.unravel_index(boxed.heat[arm, "Mass"].argmax(), (32, 32))[0] // 8 for arm in ("scratch", "simclr")]
    assert rows == [0, 1]
    assert int(boxed.image.mean()) == 120
    assert found.about == ["Heat maps: layercam of scratch (seed 0) and simclr (seed 0)", "2 images cannot be read"]
    assert found.missing == []


def test_the_rule_of_an_earlier_version_has_its_name_of_today(explained, store):
    shown = pl.read_parquet(explained / "shown.parquet").with_columns(rule=pl.lit("missed"))
    shown.write_parquet(explained / "shown.parquet")
    found = cases_in([explained], [store], {"scratch": [], "simclr": []})
    assert found.cases[0].chosen == {"Edema": "hardest positive"}


def test_maps_of_one_value_say_that_they_do_not_show_where(explained, store):
    np.save(explained / "heat_maps_2.npy", np.ones((2, 1, 1), np.float32))
    _, about, _ = cases_in([explained], [store], {"scratch": [], "simclr": []}).about
    assert about.startswith("The maps of simclr (seed 0) have a single value")


def test_images_without_an_image_are_counted_and_not_shown(explained):
    found = cases_in([explained], [], {})
    assert (found.cases, found.about) == ([], [])
    assert found.missing == ["2 images with heat maps: not in any store of images."]


def test_points_of_two_arms_are_two_images_of_each_way_to_have_classes(tmp_path, store):
    rows = [
        {"arm": arm, "image_id": name, "method": "tsne", "x": float(place), "y": shift, "single_label": "Mass" if place else None, "anomalies": "No Finding"}
        for shift, arm in ((0.0, "scratch"), (1.0, "simclr"))
        for place, name in enumerate(IDS)
    ]  # fmt: skip
    pl.DataFrame(rows).write_parquet(tmp_path / "embedding.parquet")
    (tmp_path / "embed.json").write_text(json.dumps({"notes": ["models of seed 0"]}))
    made = embeddings_in(tmp_path / "embedding.parquet", [store])
    assert [(one.classes, one.arm) for one in made] == [
        ("single_label", "scratch"), ("single_label", "simclr"), ("anomalies", "scratch"), ("anomalies", "simclr"),
    ]  # fmt: skip
    assert made[1].points["y"].to_list() == [1.0] * 6
    assert made[0].points["label"].null_count() == 1
    assert made[0].points["thumbnail"].null_count() == 0
    assert "Models of seed 0" in made[0].about
