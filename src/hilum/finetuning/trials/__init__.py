"""Hyper-parameter search: many fine-tuning trials in lockstep with shared computation, each as if alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
