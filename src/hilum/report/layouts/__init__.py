"""A paper's tables and figures with a study's numbers in them: layouts are data, and one engine fills them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
