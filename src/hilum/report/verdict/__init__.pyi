from .decide import (
    Verdict as Verdict,
)
from .records import (
    VerdictCode as VerdictCode,
)
from .records import (
    VerdictRecord as VerdictRecord,
)
from .starting import (
    difference_in_words as difference_in_words,
)
