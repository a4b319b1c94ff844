"""Monitoring of fine-tuning: signs of unfinished training, linear probe of the initial features, mismatched inputs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
