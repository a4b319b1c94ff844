from .grids import (
    GRIDS as GRIDS,
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
    available_memory as available_memory,
    chunks_that_fit as chunks_that_fit,
    lockstep_bytes as lockstep_bytes,
)
from .optuna_study import (
    importance_of as importance_of,
    storage_url as storage_url,
)
from .parts import (
    Part as Part,
    stages_of as stages_of,
    train_part as train_part,
)
from .results import (
    TrialResult as TrialResult,
    TrialResults as TrialResults,
)
from .search import (
    Search as Search,
    SearchName as SearchName,
    SearchRun as SearchRun,
    Select as Select,
    read_selected as read_selected,
    run_search as run_search,
)
from .shared_pass import (
    SharedPass as SharedPass,
)
from .space import (
    Choices as Choices,
    Range as Range,
    Sample as Sample,
    Space as Space,
    grid_of as grid_of,
    size_of as size_of,
)
from .stacked_heads import (
    classifier_of as classifier_of,
)
from .trials import (
    lockstep_groups as lockstep_groups,
    read_trials as read_trials,
    refit as refit,
    train_trials as train_trials,
)
