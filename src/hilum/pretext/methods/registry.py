"""The pretext methods by name. A further one is a file beside these, a line here, and its settings among the others."""

from hilum.extensions import METHODS as GROUP
from hilum.extensions import Registry, wrong_kind
from hilum.pretext.methods.base import Method
from hilum.pretext.methods.dino import DINO_METHOD
from hilum.pretext.methods.dinov2 import DINOV2
from hilum.pretext.methods.fcmae import FCMAE_METHOD
from hilum.pretext.methods.mocov2 import MOCOV2
from hilum.pretext.methods.settings import unknown_method
from hilum.pretext.methods.simclr import SIMCLR
from hilum.pretext.methods.swav import SWAV


def _method(name: str, added: object) -> Method:
    """What an entry point of `hilum.methods` gives."""
    if not isinstance(added, Method):
        raise wrong_kind(GROUP, name, "a hilum.pretext.methods.Method", added)
    return added


METHODS: Registry[Method] = Registry(
    GROUP,
    {
        "simclr": SIMCLR,
        "mocov2": MOCOV2,
        "swav": SWAV,
        "dino": DINO_METHOD,
        "dinov2": DINOV2,
        "fcmae": FCMAE_METHOD,
    },
    _method,
)
"""Hilum's own, and those that installed packages add."""


def method_of(name: str) -> Method:
    """The method of this name.

    Raises:
        HilumError: there is none.
    """
    if name not in METHODS:
        raise unknown_method(name)
    return METHODS[name]
