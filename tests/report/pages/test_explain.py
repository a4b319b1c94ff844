from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.explanation.localisation import BoxedCase, box_statistics
from hilum.explanation.localisation.score_maps import score_maps
from hilum.explanation.maps import HeatMaps, Model
from hilum.explanation.run import Explained
from hilum.explanation.settings import ExplainConfig
from hilum.finetuning.classifier import Classifier
from hilum.report.pages import explain_page, gallery, gallery_sheet
from hilum.report.sections import statistics_tables

BOX = np.array([[0.25, 0.25, 0.5, 0.5]])


@pytest.fixture(scope="module")
def stores():
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    pixels = np.random.default_rng(0).integers(0, 255, (30, 32, 32), dtype=np.uint8)
    return [Store(Path("memory"), pixels, [f"<{n}>" for n in range(30)], nothing, parse_recipe([{"resize": 32}]))]


@pytest.fixture(scope="module")
def explained():
    """A model with perfect maps of 25 patients, of whom one image is shown."""
    card = Card(
        encoder="toh2023_resnet", method="finetune", settings={}, preprocessing=[{"resize": 32}], image_size=32,
        mean=0.5, std=0.25, seed=0, split="", training_patients=[], n_training_images=0, findings=["Mass"],
    )  # fmt: skip
    model = Model("ours & theirs", Classifier(create_encoder("toh2023_resnet", seed=0), 1, size=32).eval(), card)
    cases = [BoxedCase(f"<{n}>", str(n), "Mass", BOX) for n in range(25)]
    heat = np.zeros((8, 8))
    heat[2:6, 2:6] = 1.0
    scores = np.linspace(0.1, 0.9, 25)
    good, bad = (score_maps([each] * 25, cases, scores) for each in (heat, heat[::-1] * 0 + np.eye(8)[0]))
    return Explained(
        config=ExplainConfig("gradcam", ("Mass",)),
        models=[model],
        shown=pl.DataFrame({"finding": ["Mass"], "rule": ["true positive"], "image_id": ["<3>"]}),
        pairs=[(case.image_id, "Mass") for case in cases],
        maps=[HeatMaps(torch.from_numpy(heat).float().expand(25, 8, 8), 0.0, 1.0)],
        scores=[scores],
        labels=np.ones(25),
        boxes={(case.image_id, "Mass"): case.boxes for case in cases},
        statistics=box_statistics(
            cases, {model.name: [good], "centre prior": [bad]}, [(model.name, "centre prior")], n_bootstrap=100
        ),
        notes=["2 images cannot be read"],
    )


def test_an_image_is_shown_with_its_map_its_boxes_and_what_the_model_gives_it(explained, stores):
    (card,) = gallery(explained, stores)
    assert (card.image_id, card.finding, card.rule, card.label) == ("<3>", "Mass", "true positive", "positive")
    assert card.boxes == [(0.25, 0.25, 0.5, 0.5)]
    assert [panel.probability for panel in card.panels] == ["0.200"]
    page = explain_page(explained, stores)
    assert '<rect x="0.25" y="0.25" width="0.5" height="0.5"/>' in page
    assert "&lt;3&gt;" in page
    assert "Heat maps of ours &amp; theirs" in page
    assert "2 images cannot be read" in page
    assert "<3>" not in page


def test_differences_are_marked_where_the_interval_can_be_trusted(explained):
    _, differences = statistics_tables(explained.statistics)
    pointing = next(row for row in differences.rows if row[0].text == "Mass" and row[1].text == "pointing game")
    assert pointing[2].text == "ours & theirs − centre prior"
    assert (pointing[3].mark, pointing[3].order) == ("better", 1.0)
    few = explained.statistics.with_columns(pl.lit(5, dtype=pl.Int64).alias("patients"))
    _, unsure = statistics_tables(few)
    assert {row[3].mark for row in unsure.rows} == {""}


def test_the_sheet_has_a_row_for_each_image(explained, stores):
    assert gallery_sheet(explained, stores).shape == (256, 2 * 256 + 6, 3)
    none = Explained(**{**vars(explained), "shown": explained.shown.clear()})
    assert gallery_sheet(none, stores) is None
    assert "No image was selected." in explain_page(none, stores)
