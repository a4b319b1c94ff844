from .decide import Verdict as Verdict
from .records import (
    VerdictCode as VerdictCode,
    VerdictRecord as VerdictRecord,
)
from .start_differences import describe_difference as describe_difference
