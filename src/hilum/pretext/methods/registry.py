"""Registry of pretext methods. To add one: a file in this folder, a line here, and its settings in `settings.py`."""

from hilum.extensions import METHODS as GROUP, Registry, wrong_kind
from hilum.pretext.methods.base import Method
from hilum.pretext.methods.dino import DINO_METHOD
from hilum.pretext.methods.dinov2 import DINOV2
from hilum.pretext.methods.fcmae import FCMAE_METHOD
from hilum.pretext.methods.mocov2 import MOCOV2
from hilum.pretext.methods.settings import unknown_method
from hilum.pretext.methods.simclr import SIMCLR
from hilum.pretext.methods.swav import SWAV


def _method(name: str, added: object) -> Method:
    """Check the object of an entry point of `hilum.methods`."""
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
"""Methods by name: Hilum's own and those of installed plug-ins."""


def method_of(name: str) -> Method:
    """Return the method of a name.

    Raises:
        HilumError: Unknown name.
    """
    if name not in METHODS:
        raise unknown_method(name)
    return METHODS[name]
