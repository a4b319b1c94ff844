import base64
import json
from dataclasses import replace

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.report.content import Embedding
from hilum.report.figures import style
from hilum.report.sections import embedding as scatter


def drawn(embedding):
    with style():
        return scatter.scatter_of(embedding)


def test_every_image_finds_its_own_thumbnail_in_the_sprite():
    shades = [20, 120, 220, 80]
    thumbnails = [cv2.imencode(".png", np.full((40, 30), shade, np.uint8))[1].tobytes() for shade in shades]
    points = pl.DataFrame(
        {
            "image_id": list("abcd"),
            "x": [0.0, 1.0, 2.0, 3.0],
            "y": [0.0, 1.0, 0.0, 1.0],
            "label": ["k"] * 4,
            "thumbnail": thumbnails,
        }
    )
    made = drawn(Embedding("UMAP", [], points))
    data = json.loads(made.data)
    sheet = cv2.imdecode(np.frombuffer(base64.b64decode(made.sprite.partition(",")[2]), np.uint8), cv2.IMREAD_GRAYSCALE)
    for name, tile in zip(data["name"], data["tile"], strict=True):
        top, left = tile // data["across"] * data["side"], tile % data["across"] * data["side"]
        centre = int(sheet[top + data["side"] // 2, left + data["side"] // 2])
        assert centre == pytest.approx(shades["abcd".index(name)], abs=4)


def test_more_points_than_a_page_bears_are_drawn_by_lot_and_that_is_reported(full, monkeypatch):
    monkeypatch.setattr(scatter, "MOST_POINTS", 30)
    monkeypatch.setattr(scatter, "MOST_THUMBNAILS", 10)
    embedding = full.embeddings[0]
    made = drawn(embedding)
    data = json.loads(made.data)
    assert len(data["x"]) == 30
    assert sum(tile >= 0 for tile in data["tile"]) == 10
    assert "30 of 80 images are drawn, selected at random" in made.caption
    assert len(made.points) == 80
    shuffled = replace(embedding, points=embedding.points.sample(fraction=1, shuffle=True, seed=1))
    assert set(json.loads(drawn(shuffled).data)["name"]) == set(data["name"])


def test_the_largest_class_comes_first_and_its_name_stays_text(full):
    made = drawn(full.embeddings[0])
    counts = full.embeddings[0].points["label"].value_counts()
    assert made.classes[0][0] == counts.sort("count", "label", descending=[True, False])["label"][0]
    assert "<&>" not in made.data
    assert "Silhouette 0.31." in made.caption


def test_images_without_images_or_labels_are_points_all_the_same():
    points = pl.DataFrame({"image_id": ["a", "b"], "x": [1.0, 1.0], "y": [2.0, 2.0], "label": [None, None]})
    made = drawn(Embedding("t-SNE", [], points))
    assert made.sprite == ""
    assert made.classes[0][0] == "in no class"
    assert json.loads(made.data)["tile"] == [-1, -1]
