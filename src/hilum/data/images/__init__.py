"""Decoded pixels: grey arrays, EXIF orientation, remarks on files that are odd but readable."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
