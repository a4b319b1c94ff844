from .grids import (
    GRIDS as GRIDS,
)
from .grids import (
    elwirehardja2025 as elwirehardja2025,
)
from .lane_memory import (
    lockstep_bytes as lockstep_bytes,
)
from .lockstep import (
    train_in_lockstep as train_in_lockstep,
)
from .shared_pass import (
    SharedPass as SharedPass,
)
from .stacked_heads import (
    classifier_of as classifier_of,
)
from .trials import (
    TrialResult as TrialResult,
)
from .trials import (
    TrialResults as TrialResults,
)
from .trials import (
    read_trials as read_trials,
)
from .trials import (
    refit as refit,
)
from .trials import (
    train_trials as train_trials,
)
