"""Figures of a report; `canvas` sets the style and writes the SVG."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
