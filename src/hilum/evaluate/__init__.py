"""Evaluate: predictions in, numbers with intervals out. Also for predictions that Hilum did not make."""

from hilum.evaluate.auroc import auroc
from hilum.evaluate.calibration import brier, expected_calibration_error, reliability_curve
from hilum.evaluate.comparisons import compare_predictions, comparisons_table, evaluate_arms
from hilum.evaluate.decision_curves import decision_curve
from hilum.evaluate.delong import DeLong, delong
from hilum.evaluate.external import external_validation
from hilum.evaluate.label_agreement import google_agreement, label_agreement
from hilum.evaluate.label_noise import auroc_ceiling, auroc_under_noise, rank_suspects, wrong_shares
from hilum.evaluate.margins import margins_table
from hilum.evaluate.measured_arms import MeasuredArms, measure_arms
from hilum.evaluate.measures import AVERAGES, METRICS
from hilum.evaluate.metrics import evaluate_predictions, metrics_table
from hilum.evaluate.multiplicity import benjamini_hochberg, holm
from hilum.evaluate.partial_auroc import partial_auroc
from hilum.evaluate.power import Assumptions, TestSet, smallest_detectable_difference
from hilum.evaluate.precision_recall import auprc
from hilum.evaluate.predictions import Predictions, as_predictions, read_predictions
from hilum.evaluate.ranks import ranks_table, wins_table
from hilum.evaluate.recalibration import recalibrate
from hilum.evaluate.single_label import ClassCalls, class_calls, evaluate_single_label
from hilum.evaluate.subgroups import age_bands, evaluate_subgroups
from hilum.evaluate.thresholds import Thresholds, choose_threshold, choose_thresholds
from hilum.evaluate.trained_on import TrainedOn, read_trained_on

__all__ = [
    "AVERAGES",
    "METRICS",
    "Assumptions",
    "ClassCalls",
    "DeLong",
    "MeasuredArms",
    "Predictions",
    "TestSet",
    "Thresholds",
    "TrainedOn",
    "age_bands",
    "as_predictions",
    "auprc",
    "auroc",
    "auroc_ceiling",
    "auroc_under_noise",
    "benjamini_hochberg",
    "brier",
    "choose_threshold",
    "choose_thresholds",
    "class_calls",
    "compare_predictions",
    "comparisons_table",
    "decision_curve",
    "delong",
    "evaluate_arms",
    "evaluate_predictions",
    "evaluate_single_label",
    "evaluate_subgroups",
    "expected_calibration_error",
    "external_validation",
    "google_agreement",
    "holm",
    "label_agreement",
    "margins_table",
    "measure_arms",
    "metrics_table",
    "partial_auroc",
    "rank_suspects",
    "ranks_table",
    "read_predictions",
    "read_trained_on",
    "recalibrate",
    "reliability_curve",
    "smallest_detectable_difference",
    "wins_table",
    "wrong_shares",
]
