from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.augment.parameters import ViewParameters
from hilum.augment.render import render_views
from hilum.augment.tensor_ops import render_views_with_tensors

Renderer = Callable[[Tensor, ViewParameters, int], Tensor]


def _with_tensors(images: Tensor, parameters: ViewParameters, size: int) -> Tensor:
    return render_views_with_tensors(images[:, 0], parameters, size)[:, None]


@pytest.fixture(params=["compiled", "tensors"])
def renderer(request) -> Renderer:
    """The two implementations: (images, parameters, size) -> views. The one for accelerators runs on the CPU here."""
    return {"compiled": render_views, "tensors": _with_tensors}[request.param]


@pytest.fixture(scope="session")
def images() -> Tensor:
    """Thirty-seven images of 40 pixels with texture, edges and both extremes of grey, (37, 1, 40, 40), uint8."""
    generator = np.random.default_rng(5)
    blocks = generator.integers(0, 256, (37, 1, 8, 8)).repeat(5, axis=2).repeat(5, axis=3)
    grain = generator.integers(-40, 41, (37, 1, 40, 40))
    return torch.as_tensor(np.clip(blocks + grain, 0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def slow_view() -> Callable[[NDArray[Any], NDArray[np.float64], int], NDArray[np.float64]]:
    """The definition of the geometry, in float64, pixel by pixel: (image in [0, 1], map (2, 3), size) -> view."""

    def weights(position: float, extent: float, side: int) -> NDArray[np.float64]:
        edges = np.arange(side + 1) - 0.5
        box = max(extent, 1.0)
        if (
            extent <= 1
        ):  # the outermost pixels go on for ever; what the footprint has beyond the edge is taken off below
            edges[0], edges[-1] = -np.inf, np.inf
        share = np.clip(np.minimum(edges[1:], position + box / 2) - np.maximum(edges[:-1], position - box / 2), 0, None)
        if extent > 1:
            return share / box
        inside = min(position + extent / 2, side - 0.5) - max(position - extent / 2, -0.5)
        return share * max(inside, 0.0) / extent

    def view(image: NDArray[Any], affine: NDArray[np.float64], size: int) -> NDArray[np.float64]:
        result = np.empty((size, size))
        for i in range(size):
            for j in range(size):
                position = affine @ [j, i, 1]
                extent = np.sqrt((affine[:, :2] ** 2).sum(axis=1))
                across, down = (weights(position[axis], extent[axis], len(image)) for axis in range(2))
                result[i, j] = down @ image @ across
        return result

    return view
