import numpy as np
import polars as pl
import pytest
import torch

from hilum.evaluation import as_predictions
from hilum.finetuning.losses import masked_bce, multiclass_cross_entropy
from hilum.report.layouts.arms import matches
from hilum.report.layouts.results import TaskResults
from hilum.report.layouts.tables import decimal
from hilum.report.layouts.values import Query, loss_on_test, value_of

FINDINGS = ["Edema", "Mass", "Nodule"]


def predictions(labels: np.ndarray, scores: np.ndarray):
    ids = {"image_id": [f"i{i}" for i in range(len(labels))], "patient_id": [f"p{i}" for i in range(len(labels))]}
    columns = {f"y_{name}": labels[:, k] for k, name in enumerate(FINDINGS)}
    columns |= {f"p_{name}": scores[:, k] for k, name in enumerate(FINDINGS)}
    return as_predictions(pl.DataFrame({**ids, "split": ["test"] * len(labels), **columns}), name="mine")


def test_the_loss_on_test_images_is_that_of_training():
    draw = np.random.default_rng(0)
    logits = torch.from_numpy(draw.standard_normal((40, 3)))
    weights = [3.0, 0.5, 7.0]
    labels = (draw.random((40, 3)) < 0.3).astype(float)
    labels[::7, 1] = np.nan
    total, number = masked_bce(logits, torch.from_numpy(labels), torch.tensor(weights))
    given = predictions(labels, torch.sigmoid(logits).numpy())
    assert loss_on_test(given, weights, multiclass=False) == pytest.approx(float(total / number), rel=1e-5)

    one = np.eye(3)[draw.integers(0, 3, 40)]
    total, number = multiclass_cross_entropy(logits, torch.from_numpy(one), torch.tensor(weights))
    given = predictions(one, torch.softmax(logits, 1).numpy())
    assert loss_on_test(given, weights, multiclass=True) == pytest.approx(float(total / number), rel=1e-5)
    as_torch = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(one).argmax(1), weight=torch.tensor(weights).double()
    )
    assert loss_on_test(given, weights, multiclass=True, weighted_mean=True) == pytest.approx(float(as_torch), rel=1e-5)


def test_a_pattern_names_the_parts_of_an_arm():
    arms = ["swav_10", "swav_2", "dino_0", "swav_x2"]
    assert matches("swav_{depth}", ["swav_10", "swav_2"]) == {"swav_2": {"depth": "2"}, "swav_10": {"depth": "10"}}
    assert list(matches("swav*", arms)) == ["swav_10", "swav_2", "swav_x2"]
    assert matches("dino_{depth}", arms) == {"dino_0": {"depth": "0"}}
    assert matches("chexnet", arms) == {}
    assert list(matches("a.b", ["a.b", "axb"])) == ["a.b"]


def test_numbers_have_true_signs_and_no_negative_zero():
    assert [decimal(-0.0321, 3, signed=True), decimal(0.0321, 2, signed=True), decimal(-0.0001, 3)] == [
        "−0.032", "+0.03", "0.000",
    ]  # fmt: skip
    assert decimal(21129038, 0) == "21,129,038"


def test_an_average_is_over_the_findings_that_a_layout_lists(tmp_path):
    rows = [("A", finding, "auroc", value) for finding, value in (("Edema", 0.6), ("Mass", 0.8), ("Nodule", 0.5))]
    rows += [("A", "macro", "auroc", 0.9)]
    task = TaskResults("task", tmp_path, tmp_path / "arms", counts=None)
    (tmp_path / "evaluation").mkdir()
    table = pl.DataFrame(rows, schema=["arm", "finding", "metric", "estimate"], orient="row")
    table.with_columns(ci_low=pl.lit(0.0), ci_high=pl.lit(1.0)).write_parquet(
        tmp_path / "evaluation" / "metrics.parquet"
    )
    (tmp_path / "arms" / "A").mkdir(parents=True)
    every = value_of(task, Query("auroc", arm="A", statistic="mean_sd"))
    assert every.value == pytest.approx((0.6 + 0.8 + 0.5) / 3)
    some = value_of(task, Query("auroc", arm="A", statistic="mean_sd", findings=("Edema", "Mass", "Fracture")))
    assert (some.value, some.sd) == (pytest.approx(0.7), pytest.approx(0.1))
