from .collapse import (
    LEAST_PROJECTION_SPREAD as LEAST_PROJECTION_SPREAD,
    LEAST_RANK as LEAST_RANK,
    LEAST_SPREAD as LEAST_SPREAD,
    CollapseMonitor as CollapseMonitor,
    effective_rank as effective_rank,
    feature_spread as feature_spread,
    monitored_images as monitored_images,
)
from .features import eval_features as eval_features
from .probe import (
    OnlineProbe as OnlineProbe,
    epochs_between as epochs_between,
)
from .probe_data import (
    ProbedImages as ProbedImages,
    probed_images as probed_images,
)
from .similarity import (
    MeanMetrics as MeanMetrics,
    mean_similarity as mean_similarity,
    negative_similarity as negative_similarity,
    positive_similarity as positive_similarity,
)
from .summary import (
    describe_probing as describe_probing,
    run_notes as run_notes,
)
