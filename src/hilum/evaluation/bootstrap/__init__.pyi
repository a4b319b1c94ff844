from .config import (
    BootstrapConfig as BootstrapConfig,
    IntervalKind as IntervalKind,
)
from .draws import (
    bootstrap_counts as bootstrap_counts,
    compiled as compiled,
)
from .resampling import (
    BLOCK as BLOCK,
    Columns as Columns,
    Counts as Counts,
    Statistic as Statistic,
    available_threads as available_threads,
    bootstrap_statistics as bootstrap_statistics,
    by_patient as by_patient,
    jackknife_statistics as jackknife_statistics,
    point_estimate_counts as point_estimate_counts,
    sorted_statistic as sorted_statistic,
    sums_statistic as sums_statistic,
)
