"""Image stores: images decoded and preprocessed once; pooled data sets; data sets by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
