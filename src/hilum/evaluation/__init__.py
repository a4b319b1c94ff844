"""Evaluation of predictions, by Hilum or any other software: metrics, confidence intervals and comparisons."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
