"""Pretext methods: SimCLR, MoCo v2, SwAV, DINO, DINOv2, FCMAE."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
