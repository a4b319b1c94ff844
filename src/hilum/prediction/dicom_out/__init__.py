"""Predictions as DICOM objects: reports and heat maps of the study that an image is of."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
