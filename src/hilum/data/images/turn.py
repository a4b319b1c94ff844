"""Quarter turns and mirroring of pixels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Turn:
    """Operations that make an image upright, in this order: transposition, vertical flip, horizontal flip."""

    swap: bool = False
    upside_down: bool = False
    mirror: bool = False

    def __bool__(self) -> bool:
        return self.swap or self.upside_down or self.mirror

    def apply(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return the image upright; (H, W, …) to (H, W, …) or (W, H, …)."""
        upright = image.swapaxes(0, 1) if self.swap else image
        upright = upright[::-1] if self.upside_down else upright
        upright = upright[:, ::-1] if self.mirror else upright
        return np.ascontiguousarray(upright) if self else image
