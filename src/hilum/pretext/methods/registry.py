"""The pretext methods by name. A further one is a file beside these, a line here, and its settings among the others."""

from collections.abc import Mapping
from types import MappingProxyType

from hilum.pretext.methods.base import Method
from hilum.pretext.methods.dino import DINO_METHOD
from hilum.pretext.methods.dinov2 import DINOV2
from hilum.pretext.methods.fcmae import FCMAE_METHOD
from hilum.pretext.methods.mocov2 import MOCOV2
from hilum.pretext.methods.settings import unknown_method
from hilum.pretext.methods.simclr import SIMCLR
from hilum.pretext.methods.swav import SWAV

METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "simclr": SIMCLR,
        "mocov2": MOCOV2,
        "swav": SWAV,
        "dino": DINO_METHOD,
        "dinov2": DINOV2,
        "fcmae": FCMAE_METHOD,
    }
)


def method_of(name: str) -> Method:
    """The method of this name.

    Raises:
        HilumError: there is none.
    """
    if name not in METHODS:
        raise unknown_method(name)
    return METHODS[name]
