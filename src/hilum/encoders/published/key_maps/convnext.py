"""ConvNeXt V2 as its authors publish it, dense and with the sparse convolutions that FCMAE trains.

Definition: facebookresearch/ConvNeXt-V2 models/convnextv2.py, models/fcmae.py, models/convnextv2_sparse.py, utils.py.
"""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE, as_wanted, uses
from hilum.encoders.published.key_maps.layout import Layout

CONVNEXT_USES = (
    *uses("""
        downsample_layers.0.{0,1}.@ = stem.{}.@
        downsample_layers.{1,2,3}.{0,1}.@ = stages.{}.downsample.{}.@
        stages.#.#.dwconv.@ = stages.#.blocks.#.conv_dw.@
        stages.#.#.norm.@ = stages.#.blocks.#.norm.@
        norm.@ = head.norm.@
    """),
    *uses("stages.#.#.pwconv{1,2}.@ = stages.#.blocks.#.mlp.fc{}.@", as_wanted),
)

_GRN = uses(
    """
    stages.#.#.grn.gamma = stages.#.blocks.#.mlp.grn.weight
    stages.#.#.grn.beta = stages.#.blocks.#.mlp.grn.bias
    """,
    as_wanted,
)

_BESIDE = {
    r"(?:model\.|module\.)?(?:decoder\..*|mask_token|proj\..*|pred\..*)": "FCMAE's decoder",
    **TRAINING_STATE,
}

CONVNEXTV2 = Layout(
    title="ConvNeXt V2 as its authors publish it",
    prefix=r"(?:model\.|module\.)?",
    sign=r"stages\.\d+\.\d+\.dwconv\.weight",
    uses=(*CONVNEXT_USES, *_GRN),
    classifier=rf"(?:model\.|module\.)?head\.{AFFINE}",
    drops=_BESIDE,
)


def _kernel(tensor: Tensor, wanted: torch.Size | None) -> Tensor:  # noqa: ARG001
    """Convert a sparse kernel, (positions, in, out) or (positions, channels) in column-major order, to a dense one."""
    side = round(len(tensor) ** 0.5)
    if tensor.ndim not in (2, 3) or side * side != len(tensor):
        raise ValueError("not the kernel of a square convolution")
    dense = tensor.permute(2, 1, 0) if tensor.ndim == 3 else tensor.T[:, None]
    return dense.reshape(*dense.shape[:2], side, side).mT


CONVNEXTV2_SPARSE = Layout(
    title="FCMAE's own checkpoint: a ConvNeXt V2 encoder of sparse convolutions, with a decoder",
    prefix=r"(?:model\.)?encoder\.",
    sign=r"stages\.\d+\.\d+\.dwconv\.kernel",
    uses=(
        *uses("""
            downsample_layers.0.{0,1}.@ = stem.{}.@
            downsample_layers.{1,2,3}.0.ln.@ = stages.{}.downsample.0.@
            stages.#.#.norm.ln.@ = stages.#.blocks.#.norm.@
        """),
        *uses(
            """
            downsample_layers.{1,2,3}.1.kernel = stages.{}.downsample.1.weight
            stages.#.#.dwconv.kernel = stages.#.blocks.#.conv_dw.weight
            """,
            _kernel,
        ),
        *uses(
            """
            downsample_layers.{1,2,3}.1.bias = stages.{}.downsample.1.bias
            stages.#.#.dwconv.bias = stages.#.blocks.#.conv_dw.bias
            stages.#.#.pwconv{1,2}.linear.@ = stages.#.blocks.#.mlp.fc{}.@
            """,
            as_wanted,
        ),
        *_GRN,
    ),
    drops=_BESIDE,
)
