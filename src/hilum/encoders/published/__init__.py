"""Weights that others published: where they are, how they load, and which patients they were trained on."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
