"""Smaller views in the first epochs of a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EarlySizes:
    """Sides of views in the first epochs.

    Attributes:
        epochs: so many from the start.
        size, local_size: in px.
    """

    epochs: int
    size: int
    local_size: int
