"""Smaller views in the first epochs of a run (resolution curriculum)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EarlySizes:
    """Sides of the views in the first epochs.

    Attributes:
        epochs: Number of these epochs.
        size, local_size: Sides of global and local views in px.
    """

    epochs: int
    size: int
    local_size: int
