"""Tables and figures of published papers, filled with a study's numbers from layout files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
