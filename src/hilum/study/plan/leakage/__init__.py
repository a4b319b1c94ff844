"""Who was, or may have been, trained on test patients: ledgers, copies, and doubts about whose images these are."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
