"""Building blocks of pretext methods: projection heads, multi-crop, EMA, teacher schedules."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
