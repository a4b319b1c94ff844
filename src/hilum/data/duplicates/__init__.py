"""Near-duplicate search: one image under two names, re-encoded, resized, brightened or shifted by a pixel or two."""

from hilum.data.duplicates.detail import SIDE, thumbnail
from hilum.data.duplicates.search import (
    MIN_CORRELATION,
    MIN_SIDE,
    NearDuplicates,
    duplicate_threshold,
    groups,
    near_duplicates,
)

__all__ = [
    "MIN_CORRELATION",
    "MIN_SIDE",
    "SIDE",
    "NearDuplicates",
    "duplicate_threshold",
    "groups",
    "near_duplicates",
    "thumbnail",
]
