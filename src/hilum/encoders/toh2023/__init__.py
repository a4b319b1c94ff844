"""The five small architectures that Toh et al. (2023) trained from scratch on ChestX-ray14.

Encoders have one input channel and no classifier. `paper` builds them as in the paper, with three channels and a
classifier of 14 findings.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
