"""Settings of a pretraining run: declaration, KEY=VALUE overrides, presets, resolution."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
