"""A model behind a local page and a JSON API: uploads within bounds, batches of concurrent requests, answers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
