from .comparisons import (
    COMPARISONS_SCHEMA as COMPARISONS_SCHEMA,
)
from .comparisons import (
    compare_predictions as compare_predictions,
)
from .comparisons import (
    comparisons_table as comparisons_table,
)
from .comparisons import (
    evaluate_arms as evaluate_arms,
)
from .equivalence import (
    equivalence_table as equivalence_table,
)
from .joint import (
    JOINT_SCHEMA as JOINT_SCHEMA,
)
from .joint import (
    joint_table as joint_table,
)
from .metrics import (
    METRICS_SCHEMA as METRICS_SCHEMA,
)
from .metrics import (
    evaluate_predictions as evaluate_predictions,
)
from .metrics import (
    metrics_table as metrics_table,
)
from .multiclass import (
    ClassCalls as ClassCalls,
)
from .multiclass import (
    class_calls as class_calls,
)
from .multiclass import (
    evaluate_multiclass as evaluate_multiclass,
)
from .multiclass import (
    mean_confusion as mean_confusion,
)
from .ranks import (
    ranks_table as ranks_table,
)
from .ranks import (
    wins_table as wins_table,
)
from .subgroups import (
    UNDERDIAGNOSIS as UNDERDIAGNOSIS,
)
from .subgroups import (
    age_bands as age_bands,
)
from .subgroups import (
    columns_that_divide as columns_that_divide,
)
from .subgroups import (
    evaluate_subgroups as evaluate_subgroups,
)
from .subgroups import (
    groups_by_column as groups_by_column,
)
from .write import (
    write_results as write_results,
)
