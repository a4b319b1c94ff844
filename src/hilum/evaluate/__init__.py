"""Evaluate: predictions in, numbers with intervals out. Also for predictions that Hilum did not make."""

from hilum.evaluate.auroc import auroc
from hilum.evaluate.comparisons import compare_predictions, evaluate_arms
from hilum.evaluate.metrics import evaluate_predictions
from hilum.evaluate.multiplicity import benjamini_hochberg
from hilum.evaluate.predictions import Predictions, as_predictions, read_predictions

__all__ = [
    "Predictions",
    "as_predictions",
    "auroc",
    "benjamini_hochberg",
    "compare_predictions",
    "evaluate_arms",
    "evaluate_predictions",
    "read_predictions",
]
