"""Tables of predictions: reading, checks, alignment, and refusal of patients a model was trained on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
