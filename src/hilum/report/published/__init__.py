"""Published numbers: tables of papers, with table, section and page as the source."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
