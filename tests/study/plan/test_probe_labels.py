"""Whose labels a pretraining run is probed with."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.collections import Dataset
from hilum.data.splits import parse_split
from hilum.data.store import NamedData
from hilum.runs.pools.pretraining_pool import pretraining_pool, without_excluded_elsewhere
from hilum.runs.probe_labels import labels_of_pools
from hilum.study.plan import count_images, step_keys, steps_of
from hilum.study.plan.prepare import prepare
from hilum.study.plan.probe_labels import labels_of_task

KINDS = ("pretrain", "finetune")


def data_set(patients=120, *, listed=True, name="cxr", finding="Mass", first=0):
    """Two images a patient; every third patient has the finding; the last quarter are the official test patients."""
    rows = range(2 * patients)
    of = [row // 2 for row in rows]
    manifest = pl.DataFrame(
        {
            "image_id": [f"f{row}" for row in rows],
            "path": [f"f{row}.png" for row in rows],
            "patient_id": [f"p{first + patient}" for patient in of],
            "study_id": ["s"] * len(of),
            "view": ["PA"] * len(of),
            "age": [50.0] * len(of),
            "sex": ["F"] * len(of),
            "split": [("test" if patient >= 0.75 * patients else "train") if listed else None for patient in of],
            finding: pl.Series([int(patient % 3 == 0) for patient in of], dtype=pl.Int8),
        }
    )
    return NamedData(name, Dataset(manifest, None, Path("nowhere"), "chestxray14", [], {}), "chestxray14")


def probed(*data, split="auto", exclude=("test",), seed=0):
    pools = {
        each.name: pretraining_pool(each, each.manifest["image_id"].to_list(), split=split, exclude=exclude, seed=seed)
        for each in data
    }
    named = {each.name: each for each in data}
    return labels_of_pools(named, without_excluded_elsewhere(named, pools), split=split, seed=seed)


def patients(part):
    return {int(patient.removeprefix("chestxray14:p")) for patient in part.patient_ids}


def with_labels(data, change):
    manifest = data.manifest.with_columns(change)
    return replace(data, dataset=replace(data.dataset, manifest=manifest))


@pytest.mark.parametrize("exclude", [("test",), ("val", "test"), ()])
def test_labels_are_read_of_training_and_validation_patients_and_never_of_test_patients(exclude):
    """Poisoned labels of test patients change nothing, also where these patients' images are learnt from."""
    data = data_set()
    drawn = probed(data, exclude=exclude)
    train, val = patients(drawn.train), patients(drawn.val)
    assert train
    assert val
    assert not train & val
    assert max(train | val) < 90
    poisoned = with_labels(
        data, pl.when(pl.col("split") == "test").then(1 - pl.col("Mass")).otherwise(pl.col("Mass")).alias("Mass")
    )
    assert probed(poisoned, exclude=exclude).digest == drawn.digest
    changed = with_labels(data, (1 - pl.col("Mass")).alias("Mass"))
    assert probed(changed, exclude=exclude).digest != drawn.digest


def test_patients_that_are_left_out_are_not_read_either():
    data = data_set()
    whole, apart_too = probed(data), probed(data, exclude=("val", "test"))
    assert not (patients(apart_too.train) | patients(apart_too.val)) & patients(whole.val)
    assert len(patients(apart_too.val)) == pytest.approx(0.2 * len(patients(whole.train)), abs=1)


def test_without_an_official_list_the_labels_of_a_fifth_of_the_patients_stay_unread():
    """Those that `hilum probe --split patients` would score."""
    data = data_set(listed=False)
    drawn = probed(data)
    assert len(patients(drawn.train) | patients(drawn.val)) == 96
    assert len(patients(drawn.val)) == 24
    divided = parse_split(data.manifest, "patients", seed=0).assignment
    tested = divided.filter(pl.col("split") == "test")["patient_id"]
    assert not (patients(drawn.train) | patients(drawn.val)) & {int(name.removeprefix("p")) for name in tested}


def test_images_without_labels_and_too_few_patients_are_not_probed():
    assert probed(with_labels(data_set(), pl.lit(None, pl.Int8).alias("Mass"))) is None
    unlabelled = data_set()
    bare = replace(unlabelled.dataset, manifest=unlabelled.manifest.drop("Mass"))
    assert probed(replace(unlabelled, dataset=bare)) is None
    assert probed(data_set(2, listed=False)) is None


def test_labels_of_several_data_sets_stand_side_by_side_and_a_test_patient_of_one_is_one_of_all():
    first, second = (
        data_set(name="one"),
        data_set(name="two", finding="Nodule", first=60),
    )  # patients 60 to 119 are in both
    drawn = probed(first, second)
    assert drawn.findings == ["Mass", "Nodule"]
    assert {image_id.partition("/")[0] for image_id in drawn.val.image_ids} == {"one", "two"}
    everyone = patients(drawn.train) | patients(drawn.val)
    assert not everyone & set(range(90, 120))  # on the test list of the first
    assert not everyone & set(range(150, 180))  # and of the second
    assert not patients(drawn.train) & patients(drawn.val)
    of_first = [image_id.startswith("one/") for image_id in drawn.train.image_ids]
    assert np.isnan(drawn.train.targets[of_first, 1]).all()
    assert not np.isnan(drawn.train.targets[of_first, 0]).any()


def test_a_study_reads_labels_of_validation_patients_alone_one_half_to_fit_and_one_to_score(small_study, images):
    prepared = prepare(small_study, {"images": images})
    drawn = labels_of_task(prepared)
    assert {*drawn.train.image_ids, *drawn.val.image_ids} <= set(prepared.task.val.image_ids)
    assert not set(drawn.train.patient_ids) & set(drawn.val.patient_ids)


def test_the_share_of_labels_pretrains_nothing_again(small_study, images):
    """The epoch of a pretraining may not be chosen by labels that another share would not have."""
    keys = {}
    for fraction in (1.0, 0.3, 0.1):
        task = small_study.task.model_copy(update={"label_fraction": fraction})
        prepared = prepare(small_study.model_copy(update={"task": task}), {"images": images})
        steps = steps_of(prepared.study, count_images(prepared))
        found = step_keys(steps, prepared)
        keys[fraction] = {kind: {s.directory: found[s.directory] for s in steps if s.kind == kind} for kind in KINDS}
    assert keys[1.0]["pretrain"] == keys[0.3]["pretrain"] == keys[0.1]["pretrain"]
    assert keys[1.0]["finetune"].keys() == keys[0.1]["finetune"].keys()
    assert not set(keys[1.0]["finetune"].values()) & set(keys[0.1]["finetune"].values())
