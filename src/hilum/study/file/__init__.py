"""The study file: its schema, reading with all problems at once, scaling to tiny."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
