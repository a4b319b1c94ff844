"""Tables of predictions: reading, checking and aligning them, and refusing patients a model was trained on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
