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
    plain_features as plain_features,
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
    EpochMeans as EpochMeans,
)
from .similarity import (
    of_others as of_others,
)
from .similarity import (
    of_pairs as of_pairs,
)
from .similarity import (
    with_all as with_all,
)
from .summary import (
    notes_of as notes_of,
)
from .summary import (
    plan_of_probe as plan_of_probe,
)
