from .added import (
    ADDED_METRICS as ADDED_METRICS,
    AddedMetric as AddedMetric,
    weighted as weighted,
)
from .average_precision import (
    auprc as auprc,
    cumulative_calls as cumulative_calls,
)
from .calibration import (
    brier as brier,
    expected_calibration_error as expected_calibration_error,
    reliability_curve as reliability_curve,
)
from .confusion import (
    THRESHOLD_METRICS as THRESHOLD_METRICS,
    Confusion as Confusion,
    confusion_at as confusion_at,
    f1 as f1,
    sensitivity as sensitivity,
    specificity as specificity,
)
from .partial_auc import partial_auroc as partial_auroc
from .registry import (
    AUROC as AUROC,
    AVERAGES as AVERAGES,
    MACRO as MACRO,
    METRICS as METRICS,
    PROBABILITY_METRICS as PROBABILITY_METRICS,
    RANKING_METRICS as RANKING_METRICS,
    Scored as Scored,
    check_metrics as check_metrics,
    compute_metrics as compute_metrics,
    largest_difference as largest_difference,
    lower_is_better as lower_is_better,
    metric_title as metric_title,
    overall_finding as overall_finding,
    statistics_for as statistics_for,
)
from .roc_auc import (
    auroc as auroc,
    auroc_statistic as auroc_statistic,
    aurocs as aurocs,
    bootstrap_roc_auc as bootstrap_roc_auc,
    midranks as midranks,
    split_by_label as split_by_label,
)
from .sensitivity_at_specificity import (
    SENSITIVITY_AT_SPECIFICITY as SENSITIVITY_AT_SPECIFICITY,
    USUAL_SPECIFICITY as USUAL_SPECIFICITY,
    specificity_of as specificity_of,
)
