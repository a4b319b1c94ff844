"""Local web page and JSON API of a model: limited uploads, batching of concurrent requests, responses."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
