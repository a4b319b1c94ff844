import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumErrors
from hilum.study.execution import run_study
from hilum.study.file import parse_study

CLASSES = ["Pleural Effusion", "Infiltration", "No Finding"]
TEXT = """\
question: Which of three classes is it?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Pleural Effusion, Infiltration, No Finding]
  classes: multiclass
  images: {exactly_one_of: [Pleural Effusion, Infiltration, No Finding]}
  split: {patients: [0.5, 0.2, 0.3]}
arms:
  scratch: {encoder: small_convnet}
finetune: {epochs: 1, lr: 1e-3, head: mlp}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
"""


def test_a_study_of_classes_that_exclude_each_other_is_judged_as_classes(images, unseen, tmp_path):
    out = tmp_path / "out"
    run_study(parse_study(TEXT, where="classes.yaml"), {"images": images}, out, show_step=unseen)
    predictions = pl.read_parquet(out / "evaluation/predictions/scratch/seed-0.parquet")
    np.testing.assert_allclose(predictions.select(pl.sum_horizontal(f"p_{name}" for name in CLASSES)), 1, atol=1e-6)
    assert predictions.select(pl.sum_horizontal(f"y_{name}" for name in CLASSES).eq(1).all()).item()
    classes = pl.read_parquet(out / "evaluation/classes.parquet")
    assert {*classes["class"]} == {"macro", *CLASSES}
    assert {*classes["metric"]} == {"recall", "precision", "f1", "accuracy"}
    assert "Confusion" in (out / "report.html").read_text(encoding="utf-8")


def test_exclusive_classes_need_images_that_are_of_exactly_one():
    text = TEXT.replace("  images: {exactly_one_of: [Pleural Effusion, Infiltration, No Finding]}\n", "")
    with pytest.raises(HilumErrors, match=r"requires images\.exactly_one_of"):
        parse_study(text, where="classes.yaml")
