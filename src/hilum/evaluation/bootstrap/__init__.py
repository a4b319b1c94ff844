"""Patient-level bootstrap: one set of resampling counts, used by all statistics."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
