"""Where data sets come from, on what terms, and which of their files a folder holds."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
