"""Many fine-tuning trials in lockstep: frozen work is shared, each trial is the same as alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
