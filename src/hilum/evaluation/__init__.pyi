from .bootstrap import (
    BootstrapConfig as BootstrapConfig,
)
from .estimation import (
    BootstrappedArms as BootstrappedArms,
)
from .estimation import (
    measure_arms as measure_arms,
)
from .inference import (
    Assumptions as Assumptions,
)
from .inference import (
    DeLong as DeLong,
)
from .inference import (
    TestSet as TestSet,
)
from .inference import (
    benjamini_hochberg as benjamini_hochberg,
)
from .inference import (
    holm as holm,
)
from .inference import (
    smallest_detectable_difference as smallest_detectable_difference,
)
from .inference.delong import (
    delong as delong,
)
from .labels import (
    auroc_ceiling as auroc_ceiling,
)
from .labels import (
    auroc_under_noise as auroc_under_noise,
)
from .labels import (
    google_agreement as google_agreement,
)
from .labels import (
    label_agreement as label_agreement,
)
from .labels import (
    rank_label_issues as rank_label_issues,
)
from .metrics import (
    AVERAGES as AVERAGES,
)
from .metrics import (
    METRICS as METRICS,
)
from .metrics import (
    auprc as auprc,
)
from .metrics import (
    auroc as auroc,
)
from .metrics import (
    brier as brier,
)
from .metrics import (
    expected_calibration_error as expected_calibration_error,
)
from .metrics import (
    partial_auroc as partial_auroc,
)
from .metrics import (
    reliability_curve as reliability_curve,
)
from .metrics.decision_curve import (
    decision_curve as decision_curve,
)
from .predictions import (
    Predictions as Predictions,
)
from .predictions import (
    TrainedOn as TrainedOn,
)
from .predictions import (
    as_predictions as as_predictions,
)
from .predictions import (
    read_predictions as read_predictions,
)
from .predictions import (
    read_trained_on as read_trained_on,
)
from .recalibration import (
    recalibrate as recalibrate,
)
from .suite import (
    EvaluationTables as EvaluationTables,
)
from .suite import (
    SuiteInput as SuiteInput,
)
from .suite import (
    SuiteSettings as SuiteSettings,
)
from .suite import (
    evaluate_suite as evaluate_suite,
)
from .tables import (
    ClassCalls as ClassCalls,
)
from .tables import (
    age_bands as age_bands,
)
from .tables import (
    class_calls as class_calls,
)
from .tables import (
    compare_predictions as compare_predictions,
)
from .tables import (
    comparisons_table as comparisons_table,
)
from .tables import (
    equivalence_table as equivalence_table,
)
from .tables import (
    evaluate_arms as evaluate_arms,
)
from .tables import (
    evaluate_multiclass as evaluate_multiclass,
)
from .tables import (
    evaluate_predictions as evaluate_predictions,
)
from .tables import (
    evaluate_subgroups as evaluate_subgroups,
)
from .tables import (
    metrics_table as metrics_table,
)
from .tables import (
    ranks_table as ranks_table,
)
from .tables import (
    wins_table as wins_table,
)
from .tables.external_validation import (
    external_validation as external_validation,
)
from .thresholds import (
    Thresholds as Thresholds,
)
from .thresholds import (
    choose_threshold as choose_threshold,
)
from .thresholds import (
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
