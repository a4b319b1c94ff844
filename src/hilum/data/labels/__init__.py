"""Labels: images of a task, and targets from a collection's codes.

Order of use: `task_images` (consensus, grades, derived findings; then the cohort), a split of these images, `targets`.
"""

from hilum.data.label_policy import OTHERWISE, Consensus, LabelPolicy, NotMentioned, Uncertain
from hilum.data.labels.codes import add_derived_findings, by_consensus, by_grade, combine_findings, read_codes
from hilum.data.labels.cohort import FRONTAL, Cohort, Contrast, filter_positive, select_cohort, task_images
from hilum.data.labels.stacking import stack_manifests
from hilum.data.labels.targets import UNCERTAIN_CLASS, drop_uncertain, is_positive, require_findings, targets

__all__ = [
    "FRONTAL",
    "OTHERWISE",
    "UNCERTAIN_CLASS",
    "Cohort",
    "Consensus",
    "Contrast",
    "LabelPolicy",
    "NotMentioned",
    "Uncertain",
    "add_derived_findings",
    "by_consensus",
    "by_grade",
    "combine_findings",
    "drop_uncertain",
    "filter_positive",
    "is_positive",
    "read_codes",
    "require_findings",
    "select_cohort",
    "stack_manifests",
    "targets",
    "task_images",
]
