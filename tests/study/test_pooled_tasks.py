"""Tasks on several data sets: masked findings, patients distinguished over all, results for each and for all."""

import shutil
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.study.check import check_study
from hilum.study.execution import run_study
from hilum.study.file import as_yaml, parse_study, tiny
from hilum.study.plan import plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.predictions import labels
from hilum.study.plan.prepare import prepare, prepare_study
from hilum.study.pool import pooled_data

STUDY = """\
question: Do two data sets teach more than one?
data:
  nih: {collection: chestxray14}
  vindr: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: [nih, vindr]
  findings: [Pleural Effusion, Calcification]
  split: {patients: [0.5, 0.2, 0.3]}
arms:
  scratch: {encoder: small_convnet}
  ssl: {encoder: small_convnet, init: {pretrain: simclr, on: [nih, vindr]}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 1, lr: 1e-3}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2, min_group: 2}
explain: null
"""


@pytest.fixture(scope="module")
def roots(images, generated):
    return {"nih": images, "vindr": generated("vindr_cxr", 90, 2)}


def study_of(text: str = STUDY):
    return parse_study(text, where="pooled.yaml")


@pytest.fixture(scope="module")
def prepared(roots):
    return prepare(study_of(), roots)


def test_findings_that_a_set_does_not_label_are_masked(prepared):
    for images in (prepared.task.train, prepared.task.val):
        of_nih = np.array([image_id.startswith("nih:") for image_id in images.image_ids])
        assert of_nih.any()
        assert not of_nih.all()
        assert np.isnan(images.targets[of_nih, 1]).all()
        assert not np.isnan(images.targets[~of_nih]).any()
        assert not np.isnan(images.targets[:, 0]).any()
    tested = labels(prepared)
    of_nih = tested.filter(pl.col("image_id").str.starts_with("nih:"))
    assert of_nih["y_Calcification"].null_count() == len(of_nih) > 0
    assert tested.filter(~pl.col("image_id").str.starts_with("nih:"))["y_Calcification"].null_count() == 0


def test_no_patient_of_a_test_is_in_another_part_or_a_pool(prepared):
    task, data = prepared.task, prepared.labelled
    held = set(data.patients([*task.val.image_ids, *task.test_ids]))
    assert not held & set(task.train.patient_ids)
    for name, image_ids in prepared.identity.pools.items():
        assert not held & set(prepared.data[name].patients(image_ids))
    assert {each.partition(":")[0] for each in task.train.patient_ids} == {"phantom-s0", "phantom-s2"}


def test_images_of_the_same_bytes_in_two_sets_are_divided_together(roots, tmp_path):
    for name in ("one", "other"):
        shutil.copytree(roots["nih"] / "images", tmp_path / name / "images")
    rows = pl.DataFrame({"path": [f"images/{path.name}" for path in sorted((roots["nih"] / "images").iterdir())]})
    rows = rows.with_columns(pl.int_range(pl.len()).mod(3).eq(0).cast(pl.Int8).alias("Effusion"))
    for name, step in (("one", 1), ("other", 7)):
        numbers = pl.int_range(pl.len()).mul(step).mod(151).cast(pl.String)
        rows.with_columns(pl.format(f"{name}{{}}", numbers).alias("patient_id")).write_csv(
            tmp_path / name / "labels.csv"
        )
    text = STUDY.replace("chestxray14}", "folder, labels: labels.csv, issuer: one}")
    text = text.replace("vindr_cxr}", "folder, labels: labels.csv, issuer: other}")
    text = text.replace(", Calcification", "")
    task = prepare(study_of(text), {"nih": tmp_path / "one", "vindr": tmp_path / "other"}).task
    part_of = dict(task.split.assignment.select("image_id", "split").iter_rows())
    files = {image_id.partition(":")[2] for image_id in part_of}
    assert len(files) * 2 == len(part_of)
    assert all(part_of[f"nih:{name}"] == part_of[f"vindr:{name}"] for name in files)


def test_sets_that_hold_the_same_images_under_other_names_are_refused(prepared):
    nih = prepared.data["nih"]
    rsna = replace(nih, name="rsna", dataset=replace(nih.dataset, name="rsna_pneumonia"))
    with pytest.raises(HilumError, match="same images under other names"):
        pooled_data("both", {"nih": nih, "rsna": rsna})


def test_plan_and_report_count_and_judge_each_set(prepared, roots, unseen, tmp_path):
    plan = plan_data(plan_study(study_of(), roots))
    (pool,) = [row for row in plan["data"] if row["name"] == "nih+vindr"]
    assert pool["collection"] == "pool of nih and vindr"
    rows = {(row["data"], row["split"]): row for row in pool["parts"]}
    assert rows["nih", "train"]["positives"]["Calcification"] is None
    assert rows["vindr", "test"]["positives"]["Calcification"] is not None
    assert rows["vindr", "train"]["positives"]["Pleural Effusion"] > 0
    assert sum(row["images"] for row in rows.values()) == len(prepared.task.split.assignment)
    assert plan["refused"] == []
    out = tmp_path / "out"
    run_study(study_of(), roots, out, show_step=unseen)
    subgroups = pl.read_parquet(out / "evaluation/subgroups.parquet").filter(attribute="data set")
    assert set(subgroups["group"]) >= {"nih", "vindr"}
    card = read_card(out / "arms/scratch/seed-0")
    assert len(card.training_patients) == len({*prepared.task.train.patient_ids, *prepared.task.val.patient_ids})
    page = (out / "report.html").read_text()
    assert "data set" in page
    assert "pool" in (out / "study.yaml").read_text()


def test_a_study_with_a_pool_is_written_read_and_shrunk(roots):
    study = study_of()
    assert parse_study(as_yaml(study), where="again.yaml") == study
    assert tiny(study).data["nih+vindr"].generate is None
    moved = step_keys(steps_of(study, None), prepare_study(study, roots))
    assert "stores/nih+vindr" in moved


@pytest.mark.slow
def test_a_study_with_a_pool_is_tried_in_miniature(roots):
    assert check_study(study_of(), roots).problems == []


def test_what_is_wrong_with_pools_is_reported_at_once():
    text = STUDY.replace("on: [nih, vindr]\n  findings", "on: [nih, nowhere]\n  test_on: [nih]\n  findings")
    text = text.replace("split: {patients: [0.5, 0.2, 0.3]}", "split: {column: fold, test: [1], validation: [2]}")
    text = text.replace("simclr, on: [nih, vindr]", "simclr, on: nih+nowhere")
    with pytest.raises(HilumErrors) as error:
        study_of(text)
    message = "\n".join(error.value.problems)
    assert "'nowhere' is not a data set" in message
    assert "'nih' is a pool, or one of the task's own data sets" in message
    assert "a pool has no such column" in message
    assert "'nih+nowhere' is a pool of tasks" in message
