"""Cards of earlier versions are read with today's names, so that no default takes the place of an old setting."""

import json

import pytest

from hilum.encoders.card import Card, read_card, write_card
from hilum.notes import Code, note

CARD = {
    "version": 3,
    "encoder": "resnet18",
    "method": "finetune",
    "starts_from": "random",
    "preprocessing": [],
    "n_training_images": 10,
    "image_size": 32,
    "mean": 0.5,
    "std": 0.25,
    "seed": 0,
    "split": "all",
    "training_patients": [],
    "sha256": "0" * 64,
}


@pytest.mark.parametrize(
    ("old", "new"),
    [("each", "multilabel"), ("each_or_uncertain", "multilabel_u_multiclass"), ("exclusive", "multiclass")],
)
def test_the_output_type_of_an_old_classifier_is_kept(old, new):
    card = Card.model_validate(CARD | {"settings": {"answer": old, "clip_norm": 1.0, "head": "mlp"}})
    assert card.settings["output_type"] == new
    assert card.settings["clip_grad_norm"] == 1.0
    assert card.settings["head"] == "mlp"


def test_options_of_an_old_pretraining_have_their_names_of_today():
    card = Card.model_validate(CARD | {"settings": {"options": {"local_views": 4, "prototypes": 16}}})
    assert card.settings["options"] == {"local_crops": 4, "prototypes": 16}


def test_settings_of_today_are_as_they_are():
    settings = {"output_type": "multiclass", "clip_grad_norm": None}
    assert Card.model_validate(CARD | {"settings": settings}).settings == settings


def test_notes_are_written_with_their_codes_and_those_of_earlier_versions_are_kept(tmp_path):
    kept = note(Code.EPOCH_NOT_PROBED, epoch=3, epochs=3)
    card = Card.model_validate(CARD | {"settings": {}, "notes": ["epoch 2 of 2 was kept"]})
    card = write_card(card.model_copy(update={"notes": [*card.notes, kept]}), tmp_path)
    assert [each["code"] for each in json.loads((tmp_path / "card.json").read_text())["notes"]] == [
        "uncoded",
        "epoch_not_probed",
    ]
    assert read_card(tmp_path).notes == [note(Code.UNCODED, text="epoch 2 of 2 was kept"), kept]
