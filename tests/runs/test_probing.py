"""Probes of one encoder beside others."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.collections import Dataset
from hilum.data.splits import parse_split
from hilum.data.store import NamedData
from hilum.encoders.card import Card
from hilum.encoders.statements import Statement
from hilum.errors import HilumError
from hilum.evaluation.metrics import MACRO
from hilum.runs.probing import ENCODER, LINEAR, NEIGHBOURS, images_to_probe, probe

IMAGES = 240


@pytest.fixture
def data():
    rows = np.arange(IMAGES)
    manifest = pl.DataFrame(
        {
            "image_id": [f"f{row}" for row in rows],
            "path": [f"f{row}.png" for row in rows],
            "patient_id": [f"p{row // 2}" for row in rows],
            "study_id": ["s"] * IMAGES,
            "view": ["PA"] * IMAGES,
            "age": [50.0] * IMAGES,
            "sex": ["F"] * IMAGES,
            "split": pl.Series([None] * IMAGES, dtype=pl.String),
            "Edema": pl.Series(rows % 3 == 0).cast(pl.Int8),
            "Mass": pl.Series(np.where(rows % 5 == 0, -1, rows % 2)).cast(pl.Int8),
            "No Finding": pl.Series(np.zeros(IMAGES)).cast(pl.Int8),
        }
    )
    return NamedData("ours", Dataset(manifest, None, Path("nowhere"), "folder", [], {}), "ours")


def card(*patients, statements=()):
    return Card(
        encoder="small_convnet",
        method="simclr",
        settings={},
        preprocessing=[],
        image_size=32,
        mean=0.5,
        std=0.25,
        seed=0,
        split="",
        training_patients=list(patients),
        n_training_images=0,
        statements=list(statements),
    )


def images(data, *seen, **more):
    ids = data.manifest["image_id"].to_list()
    return images_to_probe(data, card(*seen), ids, parse_split(data.manifest, "patients"), **more)


def test_images_are_divided_with_their_labels_and_patients_by_full_name(data):
    chosen = images(data)
    assert chosen.findings == ["Edema", "Mass"]
    assert (chosen.train, chosen.val, len(chosen.image_ids)) == (144, 48, 240)
    number = [int(name[1:]) for name in chosen.image_ids]
    assert chosen.targets[:, 0].tolist() == [float(row % 3 == 0) for row in number]
    assert chosen.targets[:, 1].tolist() == [0.0 if row % 5 == 0 else row % 2 for row in number]  # uncertain is absent
    assert chosen.patients == [f"ours:p{row // 2}" for row in number]
    of_parts = [*set(chosen.patients[:144]), *set(chosen.patients[144:192]), *set(chosen.patients[192:])]
    assert len(of_parts) == len(set(of_parts)) == 120


def test_what_authors_say_of_their_training_data_is_heeded(data):
    ids, split = data.manifest["image_id"].to_list(), parse_split(data.manifest, "patients")
    published = card(statements=[Statement(collection="ours", certainty="stated", source="a paper")])
    with pytest.raises(HilumError, match="not trained on these images"):
        images_to_probe(data, published, ids, split)
    kept = images_to_probe(data, published, ids, split, include_training_patients=True)
    assert len(kept.image_ids) == IMAGES
    assert any("the weights were trained on test images" in note for note in map(str, kept.notes))
    elsewhere = card(statements=[Statement(collection="chexpert", certainty="stated", source="a paper")])
    assert images_to_probe(data, elsewhere, ids, split).notes == []


def test_test_images_of_patients_that_the_encoder_has_learnt_from_are_left_out_unless_asked_for(data):
    every = images(data)
    seen = every.patients[-1]
    without = images(data, seen)
    assert len(without.image_ids) == 238
    assert list(map(str, without.notes)) == ["2 images of patients the weights were trained on were excluded"]
    assert len(images(data, seen, include_training_patients=True).image_ids) == 240
    with pytest.raises(HilumError, match=r"expected images of patients .* found none"):
        images(data, *every.patients)


def test_an_encoder_that_knows_gains_over_one_that_does_not_and_the_difference_is_paired(data):
    chosen = images(data)
    draw = np.random.default_rng(0)
    noise = draw.normal(size=(IMAGES, 6)).astype(np.float32)
    knowing = noise.copy()
    knowing[:, :2] += 4 * chosen.targets
    probed = probe(chosen, {ENCODER: lambda: knowing, "noise": lambda: noise, "age": lambda: noise[:, :1]},
                   linear_only=["age"], n_bootstrap=200)  # fmt: skip
    assert probed.metrics.group_by("probe").agg(pl.col("arm").unique().sort()).sort("probe").rows() == [
        (LINEAR, ["age", "noise", ENCODER]),
        (NEIGHBOURS, ["noise", ENCODER]),
    ]
    for which in (LINEAR, NEIGHBOURS):
        macro = {
            row["arm"]: row
            for row in probed.metrics.filter((pl.col("probe") == which) & (pl.col("finding") == MACRO)).to_dicts()
        }
        gain = probed.comparisons.filter(
            (pl.col("probe") == which) & (pl.col("finding") == MACRO) & (pl.col("reference") == "noise")
        ).row(0, named=True)
        assert gain["arm"] == ENCODER
        assert gain["difference"] == pytest.approx(macro[ENCODER]["estimate"] - macro["noise"]["estimate"])
        assert 0 < gain["ci_low"] < gain["difference"] < gain["ci_high"]
        assert macro[ENCODER]["estimate"] > 0.95
    signs = {row["arm"]: row for row in probed.signs.to_dicts()}
    assert (signs["noise"]["width"], signs["age"]["width"]) == (6, 1)
    assert signs["age"]["effective_rank"] == pytest.approx(1, abs=1e-3)
    assert signs["noise"]["effective_rank"] > 5


def test_images_without_labels_cannot_be_probed(data):
    with pytest.raises(HilumError, match="findings of this data set"):
        images(data, findings=["Hernia"])
