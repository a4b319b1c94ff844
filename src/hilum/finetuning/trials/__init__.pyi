from .grids import (
    GRIDS as GRIDS,
)
from .grids import (
    elwirehardja2025 as elwirehardja2025,
)
from .halving import (
    Halving as Halving,
)
from .lockstep import (
    train_in_lockstep as train_in_lockstep,
)
from .lockstep_memory import (
    MemberShapes as MemberShapes,
)
from .lockstep_memory import (
    available_memory as available_memory,
)
from .lockstep_memory import (
    chunks_that_fit as chunks_that_fit,
)
from .lockstep_memory import (
    lockstep_bytes as lockstep_bytes,
)
from .optuna_study import (
    importance_of as importance_of,
)
from .optuna_study import (
    storage_url as storage_url,
)
from .parts import (
    Part as Part,
)
from .parts import (
    stages_of as stages_of,
)
from .parts import (
    train_part as train_part,
)
from .results import (
    TrialResult as TrialResult,
)
from .results import (
    TrialResults as TrialResults,
)
from .search import (
    Search as Search,
)
from .search import (
    SearchName as SearchName,
)
from .search import (
    SearchRun as SearchRun,
)
from .search import (
    Select as Select,
)
from .search import (
    read_selected as read_selected,
)
from .search import (
    run_search as run_search,
)
from .shared_pass import (
    SharedPass as SharedPass,
)
from .space import (
    Choices as Choices,
)
from .space import (
    Range as Range,
)
from .space import (
    Sample as Sample,
)
from .space import (
    Space as Space,
)
from .space import (
    grid_of as grid_of,
)
from .space import (
    size_of as size_of,
)
from .stacked_heads import (
    classifier_of as classifier_of,
)
from .trials import (
    lockstep_groups as lockstep_groups,
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
