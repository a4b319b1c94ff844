"""Data leakage: test patients among training patients, duplicate images, and images of unknown patients."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
