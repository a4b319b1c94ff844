"""Pools of unlabelled images for pretraining, without images of excluded patients and duplicates."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
