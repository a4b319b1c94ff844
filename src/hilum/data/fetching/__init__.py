"""Archives and folders at URLs, fetched once into a cache and verified; they are complete there, or absent."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
