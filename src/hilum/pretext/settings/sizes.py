"""Sides of views that change in the train_state of a run: small ones first, which cost less.

"FastDINOv2: frequency based curriculum learning improves robustness and training speed" (2025) trains on 112 px for
three quarters of the epochs and on 224 px for the rest. Touvron et al., "Fixing the train-test resolution discrepancy"
(NeurIPS 2019) is why the last part is at the size that the features are used at.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from hilum.errors import HilumError
from hilum.pretext.modules.early import EarlySizes

LEAST_LOCAL = 16


class SizeCurriculum(BaseModel):
    """Small views for the first part of a run, then full ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    start: int = Field(ge=32, description="Side of the views in px, at first.")
    until: float = Field(0.75, gt=0, lt=1, description="Share of the epochs that see small views, 0 to 1.")
    end: int | None = Field(
        None, ge=32, description="Side of the views in px, from then on; that of the stored images when left out."
    )

    def __str__(self) -> str:
        return f"{self.start} to {self.end or 'stored'} at {self.until:g}"


def _kind(size: object) -> str:
    return "<curriculum>" if isinstance(size, dict | SizeCurriculum) else "<px>"


Size = Annotated[
    Annotated[int, Field(ge=32), Tag("<px>")] | Annotated[SizeCurriculum, Tag("<curriculum>")], Discriminator(_kind)
]
"""A side in px, or two of them."""


def last_size(size: int | SizeCurriculum | None, stored: int) -> int:
    """Side of the views at the end of a run, which is what its features are of."""
    return (size.end if isinstance(size, SizeCurriculum) else size) or stored


def mean_size(size: int | SizeCurriculum | None, stored: int) -> float:
    """Side of views that would cost as much, if all were of one size: costs go with the number of pixels."""
    if not isinstance(size, SizeCurriculum):
        return float(size or stored)
    small, full = size.start**2, last_size(size, stored) ** 2
    return float((size.until * small + (1 - size.until) * full) ** 0.5)


def early_sizes(
    size: int | SizeCurriculum | None, *, stored: int, local_size: int | None, epochs: int
) -> EarlySizes | None:
    """Sides in the first epochs; None where a run has one size, or is too short for two.

    Local views are smaller by the same ratio, 16 px at least.

    Args:
        size: of the run.
        stored: side of the stored images in px.
        local_size: of local views at the end; None: half of the views, at least 32.
        epochs: of the run.

    Raises:
        HilumError: the views would not grow.
    """
    if not isinstance(size, SizeCurriculum):
        return None
    end = last_size(size, stored)
    if size.start >= end:
        raise HilumError(
            "size.start",
            expected=f"below {end} px, the side of the views later on",
            found=str(size.start),
            fix="Start with smaller views, set `end`, or store larger images.",
        )
    early = min(round(size.until * epochs), epochs - 1)
    local = max(32, size.start // 2) if local_size is None else max(LEAST_LOCAL, round(local_size * size.start / end))
    return EarlySizes(early, size.start, local) if early else None
