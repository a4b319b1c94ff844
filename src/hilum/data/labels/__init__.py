"""From a collection's codes to numbers to learn from: what the codes mean, and which images take part.

In this order: `task_images` (votes, grades, derived findings; then the images), a split of these, `targets` (numbers).
"""

from hilum.data.label_policy import OTHERWISE, Consensus, LabelPolicy, NotMentioned, Uncertain
from hilum.data.labels.codes import by_consensus, by_grade, derive, fold, read_codes
from hilum.data.labels.cohort import FRONTAL, Cohort, Contrast, choose, keep_only, task_images
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
    "by_consensus",
    "by_grade",
    "choose",
    "derive",
    "drop_uncertain",
    "fold",
    "is_positive",
    "keep_only",
    "read_codes",
    "require_findings",
    "stack_manifests",
    "targets",
    "task_images",
    "unified_targets",
]
