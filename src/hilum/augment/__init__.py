"""Random views of a whole batch of radiographs, each by one resampling."""

from typing import TYPE_CHECKING, Any

from hilum.augment.library import POLICIES, policy_of
from hilum.augment.policy import ViewPolicy

if TYPE_CHECKING:
    from hilum.augment.render import plain_view, random_views

__all__ = ["POLICIES", "ViewPolicy", "plain_view", "policy_of", "random_views"]


def __getattr__(name: str) -> Any:
    """Import what needs torch when it is asked for: policies are read long before a view is drawn."""
    if name in ("plain_view", "random_views"):
        from hilum.augment import render

        return getattr(render, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
