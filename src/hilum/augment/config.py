"""A policy in a settings file: its name, or its ranges."""

from typing import Annotated

from pydantic import BeforeValidator

from hilum.augment.library import parse_policy
from hilum.augment.policy import ViewPolicy
from hilum.errors import HilumErrors


def _from_ranges(written: object) -> object:
    if not isinstance(written, dict):
        return written
    try:
        return parse_policy(written)
    except HilumErrors as error:
        raise ValueError("; ".join(error.problems)) from None


WrittenPolicy = Annotated[str | ViewPolicy, BeforeValidator(_from_ranges)]
"""A name of `hilum.augment.POLICIES`, or ranges: `{like: simclr, flip: 0}`."""
