"""Whose images a model has learnt from, where a folder is called otherwise than in the study."""

import pytest

from hilum.encoders.ledger import Ledger
from hilum.prediction.inputs import InputImage
from hilum.prediction.training_membership import TrainingMembership


@pytest.mark.parametrize(
    ("patient", "answer"),
    [
        ("ours:7", True),
        ("ours:9", False),
        ("folder:7", None),  # the same people under another name, or others with equal ids
        ("folder:9", False),
        ("folder:?a.png", None),
        ("chestxray14:7", False),  # patients of a public set are its own
    ],
)
def test_equal_ids_under_another_name_are_not_known(patient, answer):
    membership = TrainingMembership(Ledger(frozenset({"ours:7", "ours:8"})))
    assert membership.of(InputImage("a.png", None, patient=patient), None) is answer
