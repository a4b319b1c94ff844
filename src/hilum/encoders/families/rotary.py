"""Rotary position embeddings: periods and angles."""

from typing import Any

from torch import Tensor


def periods(body: Any) -> Tensor | None:
    """Return DINOv3's periods, a buffer of the body; None for bodies without periods."""
    found: Tensor | None = getattr(getattr(body, "rope", None), "periods", None)
    return found


def angles(body: Any, side: int) -> dict[str, Tensor]:
    """Return EVA-02's sines and cosines on a square grid, (side · side, width) each."""
    sines, cosines = body.rope.get_embed(shape=(side, side)).chunk(2, dim=-1)
    return {"sin": sines, "cos": cosines}
