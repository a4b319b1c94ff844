from .bootstrap import BootstrapConfig as BootstrapConfig
from .estimation import (
    BootstrappedArms as BootstrappedArms,
    measure_arms as measure_arms,
)
from .inference import (
    Assumptions as Assumptions,
    DeLong as DeLong,
    TestSet as TestSet,
    benjamini_hochberg as benjamini_hochberg,
    holm as holm,
    smallest_detectable_difference as smallest_detectable_difference,
)
from .inference.delong import delong as delong
from .labels import (
    auroc_ceiling as auroc_ceiling,
    auroc_under_noise as auroc_under_noise,
    google_agreement as google_agreement,
    label_agreement as label_agreement,
    rank_label_issues as rank_label_issues,
)
from .metrics import (
    AVERAGES as AVERAGES,
    METRICS as METRICS,
    auprc as auprc,
    auroc as auroc,
    brier as brier,
    expected_calibration_error as expected_calibration_error,
    partial_auroc as partial_auroc,
    reliability_curve as reliability_curve,
)
from .metrics.decision_curve import decision_curve as decision_curve
from .predictions import (
    Predictions as Predictions,
    TrainedOn as TrainedOn,
    as_predictions as as_predictions,
    read_predictions as read_predictions,
    read_trained_on as read_trained_on,
)
from .recalibration import recalibrate as recalibrate
from .suite import (
    EvaluationTables as EvaluationTables,
    SuiteInput as SuiteInput,
    SuiteSettings as SuiteSettings,
    evaluate_suite as evaluate_suite,
)
from .tables import (
    ClassCalls as ClassCalls,
    age_bands as age_bands,
    class_calls as class_calls,
    compare_predictions as compare_predictions,
    comparisons_table as comparisons_table,
    equivalence_table as equivalence_table,
    evaluate_arms as evaluate_arms,
    evaluate_multiclass as evaluate_multiclass,
    evaluate_predictions as evaluate_predictions,
    evaluate_subgroups as evaluate_subgroups,
    metrics_table as metrics_table,
    ranks_table as ranks_table,
    wins_table as wins_table,
)
from .tables.external_validation import external_validation as external_validation
from .thresholds import (
    Thresholds as Thresholds,
    choose_threshold as choose_threshold,
    choose_thresholds as choose_thresholds,
)

__all__ = [
    "AVERAGES",
    "METRICS",
    "Assumptions",
    "BootstrapConfig",
    "BootstrappedArms",
    "ClassCalls",
    "DeLong",
    "EvaluationTables",
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
    "equivalence_table",
    "evaluate_arms",
    "evaluate_multiclass",
    "evaluate_predictions",
    "evaluate_subgroups",
    "evaluate_suite",
    "expected_calibration_error",
    "external_validation",
    "google_agreement",
    "holm",
    "label_agreement",
    "measure_arms",
    "metrics_table",
    "partial_auroc",
    "rank_label_issues",
    "ranks_table",
    "read_predictions",
    "read_trained_on",
    "recalibrate",
    "reliability_curve",
    "smallest_detectable_difference",
    "wins_table",
]
