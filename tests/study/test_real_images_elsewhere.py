"""One file: learn from real radiographs, test on others and on a DICOM set, with what is lost on the way."""

import polars as pl
import pytest

from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan.prepare import prepare_study

STUDY = """\
question: Does what is learnt from one sample hold elsewhere?
data:
  sample: {collection: chestxray14}
  tiny64: {collection: chestxray14}
  dicom: {collection: vindr_cxr, generate: {images: 120, size: 96}}
preprocess: [{square: pad}, {resize: 64}]
task:
  on: sample
  findings: [Pneumonia, Infiltration, Pleural Effusion]
  split: {patients: [0.6, 0.2, 0.2]}
  test_on: [tiny64, dicom]
arms:
  scratch: {encoder: resnet18}
  frozen: {encoder: resnet18, finetune: {unfreeze: 0, augmentation: none}}
finetune: {epochs: EPOCHS}
seeds: [0, 1]
evaluate: {n_bootstrap: BOOTSTRAP, min_positive_patients: 5}
explain: null
"""


@pytest.mark.slow
@pytest.mark.shared_data
def test_drops_on_tiny64_and_on_dicom_stand_in_the_external_table(shared_data, unseen, tmp_path):
    text = STUDY.replace("EPOCHS", "2").replace("BOOTSTRAP", "200")
    roots = {"sample": shared_data / "chestxray14_sample", "tiny64": shared_data / "chestxray14_tiny64"}
    study, out = parse_study(text, where="elsewhere.yaml"), tmp_path / "out"
    run_study(study, roots, out, show_step=unseen)
    table = pl.read_parquet(out / "evaluation/external.parquet")
    assert set(table["arm"]) == {"scratch", "frozen"}
    assert {"tiny64", "dicom"} <= set(table["tested_on"])
    drops = table.filter(pl.col("drop").is_not_null())
    assert {"tiny64", "dicom"} <= set(drops["tested_on"])
    generated = {"dicom": out / "generated" / "dicom"}
    view = prepare_study(study, roots | generated).first
    learnt = {*view.labelled.patients([*view.task.train.image_ids, *view.task.val.image_ids])}
    tested = set(view.data["tiny64"].patients(list(view.external["tiny64"])))
    assert tested
    assert not learnt & tested
    assert "dicom" in (out / "report.html").read_text()
