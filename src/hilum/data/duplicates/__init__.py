"""Near duplicates: one image under two names, re-encoded, resized, brightened or moved by a pixel or two."""

from hilum.data.duplicates.detail import SIDE, thumbnail
from hilum.data.duplicates.search import ALIKE, LEAST_SIDE, NearDuplicates, alike_from, groups, near_duplicates

__all__ = ["ALIKE", "LEAST_SIDE", "SIDE", "NearDuplicates", "alike_from", "groups", "near_duplicates", "thumbnail"]
