"""Evaluate: predictions in, numbers with intervals out. Also for predictions that Hilum did not make."""

from hilum.evaluation.bootstrap import BootstrapConfig
from hilum.evaluation.estimation import MeasuredArms, measure_arms
from hilum.evaluation.inference import (
    Assumptions,
    DeLong,
    TestSet,
    benjamini_hochberg,
    holm,
    smallest_detectable_difference,
)
from hilum.evaluation.inference.delong import delong
from hilum.evaluation.labels import (
    auroc_ceiling,
    auroc_under_noise,
    google_agreement,
    label_agreement,
    rank_suspects,
    wrong_shares,
)
from hilum.evaluation.metrics import (
    AVERAGES,
    METRICS,
    auprc,
    auroc,
    brier,
    expected_calibration_error,
    partial_auroc,
    reliability_curve,
)
from hilum.evaluation.metrics.decision_curve import decision_curve
from hilum.evaluation.predictions import Predictions, TrainedOn, as_predictions, read_predictions, read_trained_on
from hilum.evaluation.recalibration import recalibrate
from hilum.evaluation.suite import EvaluationTables, SuiteInput, SuiteSettings, evaluate_suite
from hilum.evaluation.tables import (
    ClassCalls,
    age_bands,
    class_calls,
    compare_predictions,
    comparisons_table,
    evaluate_arms,
    evaluate_predictions,
    evaluate_single_label,
    evaluate_subgroups,
    margins_table,
    metrics_table,
    ranks_table,
    wins_table,
)
from hilum.evaluation.tables.external_validation import external_validation
from hilum.evaluation.thresholds import Thresholds, choose_threshold, choose_thresholds

__all__ = [
    "AVERAGES",
    "METRICS",
    "Assumptions",
    "BootstrapConfig",
    "ClassCalls",
    "DeLong",
    "EvaluationTables",
    "MeasuredArms",
    "Predictions",
    "SuiteInput",
    "SuiteSettings",
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
    "evaluate_suite",
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
