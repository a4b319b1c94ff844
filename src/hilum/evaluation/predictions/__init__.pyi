from .align import AlignedArms as AlignedArms
from .checks import (
    LABEL as LABEL,
    SCORE as SCORE,
)
from .counts import (
    LEAST_PATIENTS as LEAST_PATIENTS,
    Cases as Cases,
    count_cases as count_cases,
)
from .exposure import (
    TrainedOn as TrainedOn,
    read_trained_on as read_trained_on,
)
from .files import read_table as read_table
from .labels import (
    join_labels as join_labels,
    scored_rows as scored_rows,
)
from .studies import (
    StudyScore as StudyScore,
    by_study as by_study,
    study_names as study_names,
)
from .table import (
    Predictions as Predictions,
    as_predictions as as_predictions,
    read_predictions as read_predictions,
)
