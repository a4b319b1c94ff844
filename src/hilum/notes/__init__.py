"""Notes on estimates, data sets, runs and weights: records of a stable code and parameters, and their texts.

Decisions use `Note.code`, or the column `codes` of a table; the column `note` is text for readers. All codes are
explained in docs/reference/notes.md, which is generated from this package.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
