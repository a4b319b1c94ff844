"""A task that is judged by study: several images of an examination have one score."""

import shutil

import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation import read_predictions
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.package import package
from hilum.study.plan import plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare

STUDY = """\
question: Which encoder reads examinations?
data:
  images: {collection: folder, labels: labels.csv, issuer: hospital}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion]
  split: {patients: [0.4, 0.2, 0.4]}
  unit: study
arms:
  scratch: {encoder: small_convnet, finetune: {unfreeze: 0}}
  other: {encoder: small_convnet, finetune: {unfreeze: 0, head: mlp}}
finetune: {epochs: 1, lr: 1e-3, augmentation: none}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="module")
def root(images, tmp_path_factory):
    """Two patients of every eight images, each with two studies of two images."""
    root = tmp_path_factory.mktemp("by_study") / "hospital"
    shutil.copytree(images / "images", root / "images")
    names = sorted(path.name for path in (root / "images").iterdir())
    rows = [
        {
            "path": f"images/{name}",
            "patient_id": f"p{row // 4}",
            "study_id": f"s{row // 2 % 2}",
            "Effusion": row // 2 % 3 == 0,
        }
        for row, name in enumerate(names)
    ]
    pl.DataFrame(rows).with_columns(pl.col("Effusion").cast(pl.Int8)).write_csv(root / "labels.csv")
    return root


def test_tables_and_page_are_of_studies(root, unseen, tmp_path):
    study = parse_study(STUDY, where="x.yaml")
    prepared, out = prepare(study, {"images": root}), tmp_path / "out"
    rows = prepared.task.manifest.select("image_id", "patient_id", "study_id").rows()
    of_image = {image_id: f"{patient}/{study}" for image_id, patient, study in rows}
    tested = {of_image[image_id] for image_id in prepared.task.test_ids}
    assert len(tested) < len(prepared.task.test_ids)
    run_study(study, {"images": root}, out, show_step=unseen)
    of_study = read_predictions(out / "evaluation/predictions/scratch/seed-0.parquet")
    assert set(of_study.image_ids) == tested
    evaluated = plan_data(plan_study(study, {"images": root}))["evaluated"]
    assert evaluated == {
        "unit": "study", "score": "mean", "test_units": len(tested), "test_images": len(prepared.task.test_ids),
    }  # fmt: skip
    scores = pl.read_parquet(out / "evaluation/predictions/scratch/seed-0.parquet")
    assert scores["patient_id"].n_unique() < len(scores)
    assert "each study by the mean score of its images" in (out / "report.html").read_text()
    with pytest.raises(HilumError, match="thresholds of single images"):
        package(out, "scratch", tmp_path / "packaged", data={"images": root})


def test_how_scores_are_joined_changes_the_evaluation_alone(root):
    study = parse_study(STUDY, where="x.yaml")
    other = parse_study(STUDY.replace("unit: study", "unit: study\n  study_score: max"), where="x.yaml")
    keys, changed = (step_keys(steps_of(each, None), prepare(each, {"images": root})) for each in (study, other))
    assert {d for d in keys if keys[d] != changed[d]} == {"evaluation", "report"}


def test_images_without_studies_are_refused(images):
    text = STUDY.replace("folder, labels: labels.csv, issuer: hospital", "chestxray14")
    with pytest.raises(HilumError, match="studies of the images of images"):
        prepare(parse_study(text, where="x.yaml"), {"images": images})
