from .decide import (
    Verdict as Verdict,
)
from .starting import (
    difference_in_words as difference_in_words,
)
