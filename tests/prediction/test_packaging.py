import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.evaluation.predictions import as_predictions
from hilum.evaluation.thresholds import choose_thresholds
from hilum.prediction.description import read_description
from hilum.prediction.packaging import FEWEST_PATIENTS, describe_finding
from hilum.study.package import PackageResult, package


def validation(positives: int, *, images_of_each: int = 1):
    """Twenty negative patients and so many positive ones, whose scores are higher."""
    patients = [f"p{number}" for number in range(20 + positives) for _ in range(images_of_each)]
    labels = np.repeat([0.0] * 20 + [1.0] * positives, images_of_each)
    scores = np.clip(0.3 + 0.3 * labels + np.random.default_rng(0).normal(0, 0.1, len(labels)), 0.01, 0.99)
    table = pl.DataFrame(
        {
            "image_id": [f"i{number}" for number in range(len(labels))],
            "patient_id": patients,
            "split": "val",
            "y_Edema": labels,
            "p_Edema": scores,
        }
    )
    return as_predictions(table, name="val", split="val")


@pytest.mark.parametrize(("positives", "images_of_each"), [(1, 1), (1, 10), (FEWEST_PATIENTS - 1, 2)])
def test_few_positive_patients_give_no_calibration_and_a_threshold_with_a_warning(positives, images_of_each):
    scored = validation(positives, images_of_each=images_of_each)
    described = describe_finding("Edema", scored, choose_thresholds(scored, "youden"))
    assert described.calibration is None
    assert described.threshold is not None
    assert list(map(str, described.notes)) == [
        f"uncertain threshold: only {positives} positive and 20 negative validation patients",
        f"no calibration: {positives} positive and 20 negative validation patients, {FEWEST_PATIENTS} of each are needed",
    ]


def test_enough_of_them_give_both_without_a_word():
    scored = validation(FEWEST_PATIENTS)
    described = describe_finding("Edema", scored, choose_thresholds(scored, "youden"))
    assert described.calibration is not None
    assert described.calibration.slope > 0
    assert described.notes == []


@pytest.mark.parametrize("ensemble", [True, False])
def test_the_auroc_of_an_ensemble_is_described_as_such(model_directory, ensemble):
    described = read_description(model_directory if ensemble else model_directory / "seed-0")
    result = PackageResult(model_directory, described.model_dump(), described)
    assert any("AUROC of the ensemble: mean probability of 2 seeds." in note for note in result.row_notes) == ensemble
    findings = result.tables["findings"]
    assert findings["finding"].to_list() == described.finding_names
    assert (findings["ci_low"] <= findings["auroc"]).all()
    assert "auroc" in repr(result)


def test_nothing_but_a_package_is_replaced(tmp_path):
    (tmp_path / "thesis.docx").touch()
    with pytest.raises(HilumError, match=r"1 other file or folder in it \(thesis.docx\)"):
        package(tmp_path, "simclr", tmp_path)
    assert (tmp_path / "thesis.docx").is_file()
