"""Resolution curriculum: smaller views in the first epochs of a run, which are faster.

"FastDINOv2: frequency based curriculum learning improves robustness and training speed" (2025) trains on 112 px for
three quarters of the epochs and on 224 px for the rest. The last part has the size at which features are used because
of Touvron et al., "Fixing the train-test resolution discrepancy" (NeurIPS 2019).
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from hilum.errors import HilumError
from hilum.pretext.modules.early import EarlySizes

LEAST_LOCAL = 16


class SizeCurriculum(BaseModel):
    """Smaller views in the first part of a run."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    start: int = Field(ge=32, description="Side of the views in px in the first part.")
    until: float = Field(0.75, gt=0, lt=1, description="Fraction of the epochs with small views, 0 to 1.")
    end: int | None = Field(
        None, ge=32, description="Side of the views in px afterwards; by default that of the stored images."
    )

    def __str__(self) -> str:
        return f"{self.start} to {self.end or 'stored'} at {self.until:g}"


def _kind(size: object) -> str:
    return "<curriculum>" if isinstance(size, dict | SizeCurriculum) else "<px>"


Size = Annotated[
    Annotated[int, Field(ge=32), Tag("<px>")] | Annotated[SizeCurriculum, Tag("<curriculum>")], Discriminator(_kind)
]
"""Side in px, or a curriculum of two."""


def last_size(size: int | SizeCurriculum | None, stored: int) -> int:
    """Return the side of the views at the end of a run in px."""
    return (size.end if isinstance(size, SizeCurriculum) else size) or stored


def mean_size(size: int | SizeCurriculum | None, stored: int) -> float:
    """Return the constant side in px of equal total cost; the cost is proportional to the number of pixels."""
    if not isinstance(size, SizeCurriculum):
        return float(size or stored)
    small, full = size.start**2, last_size(size, stored) ** 2
    return float((size.until * small + (1 - size.until) * full) ** 0.5)


def early_sizes(
    size: int | SizeCurriculum | None, *, stored: int, local_size: int | None, epochs: int
) -> EarlySizes | None:
    """Return the sides in the first epochs; None without a curriculum or if the run is too short.

    Local crops are smaller by the same ratio, at least 16 px.

    Args:
        size: Setting `size` of the run.
        stored: Side of the stored images in px.
        local_size: Side of local crops at the end; None: half of the views, at least 32.
        epochs: Epochs of the run.

    Raises:
        HilumError: The start size is not below the end size.
    """
    if not isinstance(size, SizeCurriculum):
        return None
    end = last_size(size, stored)
    if size.start >= end:
        raise HilumError(
            "size.start",
            expected=f"below {end} px, the final side of the views",
            found=str(size.start),
            fix="Start with smaller views, set `end`, or store larger images.",
        )
    early = min(round(size.until * epochs), epochs - 1)
    local = max(32, size.start // 2) if local_size is None else max(LEAST_LOCAL, round(local_size * size.start / end))
    return EarlySizes(early, size.start, local) if early else None
