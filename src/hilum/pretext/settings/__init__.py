"""Settings of a pretraining run: overrides, presets by number of images, resolution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
