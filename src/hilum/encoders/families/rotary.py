"""What the angles of a rotary embedding are computed from."""

from typing import Any

from torch import Tensor


def periods(body: Any) -> Tensor | None:
    """DINOv3's periods, a buffer of the body; None where the angles are not computed from periods."""
    found: Tensor | None = getattr(getattr(body, "rope", None), "periods", None)
    return found


def angles(body: Any, side: int) -> dict[str, Tensor]:
    """The sines and cosines, each (side · side, width), by which EVA-02 turns queries and keys on a square grid."""
    sines, cosines = body.rope.get_embed(shape=(side, side)).chunk(2, dim=-1)
    return {"sin": sines, "cos": cosines}
