"""The five small architectures that Toh et al. (2023) trained from scratch on ChestX-ray14.

As encoders they take one channel and end before the classifier. `paper` builds them as the paper counts them, with
three channels and the classifier of 14 findings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
