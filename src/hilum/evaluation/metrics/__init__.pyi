from .added import (
    ADDED_METRICS as ADDED_METRICS,
)
from .added import (
    AddedMetric as AddedMetric,
)
from .added import (
    weighted as weighted,
)
from .average_precision import (
    auprc as auprc,
)
from .average_precision import (
    cumulative_calls as cumulative_calls,
)
from .calibration import (
    brier as brier,
)
from .calibration import (
    expected_calibration_error as expected_calibration_error,
)
from .calibration import (
    reliability_curve as reliability_curve,
)
from .confusion import (
    THRESHOLD_METRICS as THRESHOLD_METRICS,
)
from .confusion import (
    Confusion as Confusion,
)
from .confusion import (
    confusion_at as confusion_at,
)
from .confusion import (
    f1 as f1,
)
from .confusion import (
    sensitivity as sensitivity,
)
from .confusion import (
    specificity as specificity,
)
from .partial_auc import (
    partial_auroc as partial_auroc,
)
from .registry import (
    AUROC as AUROC,
)
from .registry import (
    AVERAGES as AVERAGES,
)
from .registry import (
    MACRO as MACRO,
)
from .registry import (
    METRICS as METRICS,
)
from .registry import (
    PROBABILITY_METRICS as PROBABILITY_METRICS,
)
from .registry import (
    RANKING_METRICS as RANKING_METRICS,
)
from .registry import (
    Scored as Scored,
)
from .registry import (
    check_metrics as check_metrics,
)
from .registry import (
    compute_metrics as compute_metrics,
)
from .registry import (
    largest_difference as largest_difference,
)
from .registry import (
    lower_is_better as lower_is_better,
)
from .registry import (
    metric_title as metric_title,
)
from .registry import (
    overall_finding as overall_finding,
)
from .registry import (
    statistics_for as statistics_for,
)
from .roc_auc import (
    auroc as auroc,
)
from .roc_auc import (
    auroc_statistic as auroc_statistic,
)
from .roc_auc import (
    aurocs as aurocs,
)
from .roc_auc import (
    bootstrap_roc_auc as bootstrap_roc_auc,
)
from .roc_auc import (
    midranks as midranks,
)
from .roc_auc import (
    split_by_label as split_by_label,
)
from .sensitivity_at_specificity import (
    SENSITIVITY_AT_SPECIFICITY as SENSITIVITY_AT_SPECIFICITY,
)
from .sensitivity_at_specificity import (
    USUAL_SPECIFICITY as USUAL_SPECIFICITY,
)
from .sensitivity_at_specificity import (
    specificity_of as specificity_of,
)
