from .align import (
    AlignedArms as AlignedArms,
)
from .checks import (
    LABEL as LABEL,
)
from .checks import (
    SCORE as SCORE,
)
from .counts import (
    LEAST_PATIENTS as LEAST_PATIENTS,
)
from .counts import (
    Cases as Cases,
)
from .counts import (
    count_cases as count_cases,
)
from .exposure import (
    TrainedOn as TrainedOn,
)
from .exposure import (
    read_trained_on as read_trained_on,
)
from .files import (
    read_table as read_table,
)
from .labels import (
    join_labels as join_labels,
)
from .labels import (
    scored_rows as scored_rows,
)
from .studies import (
    StudyScore as StudyScore,
)
from .studies import (
    by_study as by_study,
)
from .studies import (
    study_names as study_names,
)
from .table import (
    Predictions as Predictions,
)
from .table import (
    as_predictions as as_predictions,
)
from .table import (
    read_predictions as read_predictions,
)
