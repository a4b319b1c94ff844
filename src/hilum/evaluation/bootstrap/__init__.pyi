from .config import (
    BootstrapConfig as BootstrapConfig,
)
from .config import (
    IntervalKind as IntervalKind,
)
from .draws import (
    bootstrap_counts as bootstrap_counts,
)
from .draws import (
    compiled as compiled,
)
from .resampling import (
    BLOCK as BLOCK,
)
from .resampling import (
    Columns as Columns,
)
from .resampling import (
    Counts as Counts,
)
from .resampling import (
    Statistic as Statistic,
)
from .resampling import (
    available_threads as available_threads,
)
from .resampling import (
    bootstrap_statistics as bootstrap_statistics,
)
from .resampling import (
    by_patient as by_patient,
)
from .resampling import (
    jackknife_statistics as jackknife_statistics,
)
from .resampling import (
    point_estimate_counts as point_estimate_counts,
)
from .resampling import (
    sorted_statistic as sorted_statistic,
)
from .resampling import (
    sums_statistic as sums_statistic,
)
