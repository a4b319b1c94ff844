"""Evaluate: predictions in, numbers with intervals out. Also for predictions that Hilum did not make."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
