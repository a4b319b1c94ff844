from .baselines import score_baselines as score_baselines
from .evaluate import evaluate_task as evaluate_task
from .explain import explain_arms as explain_arms
from .external import store_of as store_of
from .looks import (
    extended as extended,
    looks_taken as looks_taken,
)
from .run import (
    CHECK as CHECK,
    run_study as run_study,
)
from .status import study_status as study_status
from .train import perform as perform
from .work import ShowStep as ShowStep
