"""Near duplicates: one image under two names, re-encoded, resized, brightened or moved by a pixel or two."""

from hilum.data.duplicates.detail import SIDE, thumbnail
from hilum.data.duplicates.search import ALIKE, NearDuplicates, groups, near_duplicates

__all__ = ["ALIKE", "SIDE", "NearDuplicates", "groups", "near_duplicates", "thumbnail"]
