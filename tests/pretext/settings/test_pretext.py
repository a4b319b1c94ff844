from dataclasses import asdict

import pytest

from hilum.augment import Augmentation
from hilum.errors import HilumErrors
from hilum.pretext.settings import PretextSettings


def test_all_wrong_values_are_named_at_once():
    with pytest.raises(HilumErrors) as caught:
        PretextSettings(batch_size=1, lr=0.0, augmentation="simcrl", local_augmentation="locl", local_size=8)
    names = [problem.split(":")[0] for problem in caught.value.problems]
    assert names == ["batch_size", "lr", "augmentation", "local_augmentation", "local_size"]


def test_what_changes_no_result_is_not_part_of_what_decides():
    assert (
        PretextSettings(workers=0, device="cpu").fingerprint_fields() == PretextSettings(workers=3).fingerprint_fields()
    )
    assert PretextSettings(options={"queue": 7}).fingerprint_fields() != PretextSettings().fingerprint_fields()


@pytest.mark.parametrize(
    "other",
    [
        {"optimizer": "lars"}, {"layer_decay": 0.9}, {"weight_decay_end": 0.4}, {"clip_grad_norm": 1.0}, {"gradient_accumulation_steps": 2},
        {"activation_checkpointing": True}, {"freeze_encoder_steps": 9}, {"probe_every": 3}, {"precision": "fp16"},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_decides_the_result_tells_runs_apart(other):
    assert PretextSettings(**other).fingerprint_fields() != PretextSettings().fingerprint_fields()


def test_an_augmentation_is_named_or_written_out():
    mild = Augmentation(flip=0.0)
    assert PretextSettings(augmentation=mild).fingerprint_fields()["augmentation"] == asdict(mild)
    assert PretextSettings(augmentation=mild).filled("simclr", 100, from_weights=False).augmentation == mild
