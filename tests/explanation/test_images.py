from pathlib import Path

import polars as pl
import pytest

from hilum.data.collections import Dataset
from hilum.encoders.card import Card
from hilum.encoders.statements import Statement
from hilum.errors import HilumError
from hilum.explanation.images import choose_images
from hilum.notes import Code


def card(*patients):
    return Card(
        encoder="resnet18", method="finetune", settings={}, preprocessing=[{"resize": 32}], image_size=32, mean=0.5,
        std=0.25, seed=0, split="", training_patients=list(patients), n_training_images=0, findings=["Mass"],
    )  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    ids = [f"film{n}" for n in range(10)]
    manifest = pl.DataFrame(
        {
            "image_id": ids,
            "path": [None, *ids[1:]],
            "patient_id": [str(n // 2) for n in range(10)],
            "split": ["train"] * 4 + ["test"] * 6,
            "Mass": [0, 1] * 5,
        }
    )
    corners = {name: [1.0, 1.0] for name in ("x", "y", "width", "height")}
    boxes = pl.DataFrame({"image_id": ["film1", "film9"], "finding": ["Mass", "Mass"], **corners})
    return Dataset(manifest, boxes, tmp_path, "chestxray14", [], {})


def chosen(dataset, *cards, **further):
    return choose_images(dataset, "ours", cards or [card()], ["Mass"], most=further.pop("most", 100), seed=0, **further)


def test_images_with_boxes_are_kept_and_others_drawn(dataset):
    images = chosen(dataset, most=3)
    assert {"film1", "film9"} < set(images.manifest["image_id"])
    assert len(images.manifest) == 5
    assert list(map(str, images.notes)) == ["3 of 7 images without boxes were selected at random"]
    assert images.manifest.equals(chosen(dataset, most=3).manifest)


def test_patients_have_their_full_names(dataset):
    assert set(chosen(dataset).manifest["patient_id"]) == {f"chestxray14:{n}" for n in range(5)}


def test_patients_that_any_model_has_learnt_from_are_left_out(dataset):
    images = chosen(dataset, card("chestxray14:0"), card("chestxray14:4", "elsewhere:1"))
    assert images.manifest["image_id"].to_list() == [f"film{n}" for n in range(2, 8)]
    assert images.boxes.is_empty()
    assert list(map(str, images.notes)) == ["3 images of patients the weights were trained on were excluded"]
    selected = chosen(dataset, card("chestxray14:0"), include_training_patients=True)
    assert selected.trained_on == {"film1"}
    assert len(selected.manifest) == 9


def test_a_list_is_followed_and_boxes_can_be_left_aside(dataset):
    assert chosen(dataset, split="test").manifest["image_id"].to_list() == [f"film{n}" for n in range(4, 10)]
    without = chosen(dataset, boxes=False, most=2)
    assert len(without.manifest) == 2
    assert without.boxes.is_empty()


def test_where_nothing_is_left_it_says_why(dataset):
    everyone = card(*(f"chestxray14:{n}" for n in range(5)))
    with pytest.raises(HilumError, match="found none: all 9 are of training patients"):
        chosen(dataset, everyone)
    assert Path(dataset.root).exists()


def test_images_that_authors_state_to_have_trained_on_are_refused_as_elsewhere(dataset):
    published = card().model_copy(
        update={"statements": [Statement(collection="chestxray14", certainty="stated", source="a paper")]}
    )
    with pytest.raises(HilumError, match="weights that were not trained on these images; found YES: 9 of 9"):
        chosen(dataset, card(), published)
    selected = chosen(dataset, card(), published, include_training_patients=True)
    assert [each.code for each in selected.notes] == [Code.TRAINED_ON_STATED]
    assert len(selected.manifest) == 9
    perhaps = card().model_copy(update={"statements": [Statement(certainty="unknown", source="a web page")]})
    assert [each.code for each in chosen(dataset, perhaps).notes] == [Code.TRAINED_ON_POSSIBLE]
