from .collapse import (
    LEAST_PROJECTION_SPREAD as LEAST_PROJECTION_SPREAD,
)
from .collapse import (
    LEAST_RANK as LEAST_RANK,
)
from .collapse import (
    LEAST_SPREAD as LEAST_SPREAD,
)
from .collapse import (
    CollapseMonitor as CollapseMonitor,
)
from .collapse import (
    effective_rank as effective_rank,
)
from .collapse import (
    feature_spread as feature_spread,
)
from .collapse import (
    monitored_images as monitored_images,
)
from .features import (
    eval_features as eval_features,
)
from .probe import (
    OnlineProbe as OnlineProbe,
)
from .probe import (
    epochs_between as epochs_between,
)
from .probe_data import (
    ProbedImages as ProbedImages,
)
from .probe_data import (
    probed_images as probed_images,
)
from .similarity import (
    MeanMetrics as MeanMetrics,
)
from .similarity import (
    mean_similarity as mean_similarity,
)
from .similarity import (
    negative_similarity as negative_similarity,
)
from .similarity import (
    positive_similarity as positive_similarity,
)
from .summary import (
    describe_probing as describe_probing,
)
from .summary import (
    run_notes as run_notes,
)
