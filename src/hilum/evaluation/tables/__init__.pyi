from .comparisons import (
    COMPARISONS_SCHEMA as COMPARISONS_SCHEMA,
    compare_predictions as compare_predictions,
    comparisons_table as comparisons_table,
    evaluate_arms as evaluate_arms,
)
from .equivalence import equivalence_table as equivalence_table
from .joint import (
    JOINT_SCHEMA as JOINT_SCHEMA,
    joint_table as joint_table,
)
from .metrics import (
    METRICS_SCHEMA as METRICS_SCHEMA,
    evaluate_predictions as evaluate_predictions,
    metrics_table as metrics_table,
)
from .multiclass import (
    ClassCalls as ClassCalls,
    class_calls as class_calls,
    evaluate_multiclass as evaluate_multiclass,
    mean_confusion as mean_confusion,
)
from .ranks import (
    ranks_table as ranks_table,
    wins_table as wins_table,
)
from .subgroups import (
    UNDERDIAGNOSIS as UNDERDIAGNOSIS,
    age_bands as age_bands,
    columns_that_divide as columns_that_divide,
    evaluate_subgroups as evaluate_subgroups,
    groups_by_column as groups_by_column,
)
from .write import write_results as write_results
