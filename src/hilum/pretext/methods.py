"""The pretext methods by name. A further one is one file beside these, and one line here."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from hilum.errors import HilumError, HilumErrors
from hilum.pretext.dino import DINO_METHOD
from hilum.pretext.dinov2 import DINOV2
from hilum.pretext.fcmae import FCMAE_METHOD
from hilum.pretext.method import Method, MethodSettings
from hilum.pretext.mocov2 import MOCOV2
from hilum.pretext.simclr import SIMCLR
from hilum.pretext.swav import SWAV

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
        raise HilumError("method", expected=f"one of {', '.join(METHODS)}", found=name, fix="Choose one of these.")
    return METHODS[name]


def method_settings(name: str, given: Mapping[str, Any]) -> MethodSettings:
    """A method's settings from what a user gave, defaults for the rest.

    Raises:
        HilumErrors: settings that it does not have, or values out of range, all of them.
    """
    try:
        return method_of(name).settings.model_validate(dict(given))
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}; found {each['input']!r}" for each in error.errors()
        ]
        known = ", ".join(method_of(name).settings.model_fields)
        raise HilumErrors(f"settings of {name}", problems, fix=f"it has {known}") from error
