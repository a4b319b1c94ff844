"""Blocks of a page and their formats: HTML, CSV, LaTeX, SVG, images."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
