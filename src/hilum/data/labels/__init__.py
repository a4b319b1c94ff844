"""From a collection's codes to numbers to learn from: what the codes mean, and which images take part.

In this order: `task_images` (votes, grades, derived findings; then the images), a split of these, `targets` (numbers).
"""

from hilum.data.label_policy import OTHERWISE, Consensus, LabelPolicy, NotMentioned, Uncertain
from hilum.data.labels.codes import add_derived_findings, by_consensus, by_grade, combine_findings, read_codes
from hilum.data.labels.cohort import FRONTAL, Cohort, Contrast, filter_positive, select_cohort, task_images
from hilum.data.labels.targets import UNCERTAIN_CLASS, drop_uncertain, is_positive, require_findings, targets
from hilum.data.labels.unified import stack_manifests, unified_targets

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
    "unified_targets",
]
