"""ConvNeXt V2 as its authors publish it, dense and with the sparse convolutions that FCMAE trains.

Definition: facebookresearch/ConvNeXt-V2 models/convnextv2.py, models/fcmae.py, models/convnextv2_sparse.py, utils.py.
"""

import torch
from torch import Tensor

from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE, as_wanted
from hilum.encoders.published.key_maps.layout import Layout, Use

CONVNEXT_USES = (
    Use(rf"downsample_layers\.0\.([01])\.{AFFINE}", r"stem.\1.\2"),
    Use(rf"downsample_layers\.([1-3])\.([01])\.{AFFINE}", r"stages.\1.downsample.\2.\3"),
    Use(rf"stages\.(\d+)\.(\d+)\.dwconv\.{AFFINE}", r"stages.\1.blocks.\2.conv_dw.\3"),
    Use(rf"stages\.(\d+)\.(\d+)\.norm\.{AFFINE}", r"stages.\1.blocks.\2.norm.\3"),
    Use(rf"stages\.(\d+)\.(\d+)\.pwconv([12])\.{AFFINE}", r"stages.\1.blocks.\2.mlp.fc\3.\4", as_wanted),
    Use(rf"norm\.{AFFINE}", r"head.norm.\1"),
)

_GRN = (
    Use(r"stages\.(\d+)\.(\d+)\.grn\.gamma", r"stages.\1.blocks.\2.mlp.grn.weight", as_wanted),
    Use(r"stages\.(\d+)\.(\d+)\.grn\.beta", r"stages.\1.blocks.\2.mlp.grn.bias", as_wanted),
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
        Use(rf"downsample_layers\.0\.([01])\.{AFFINE}", r"stem.\1.\2"),
        Use(rf"downsample_layers\.([1-3])\.0\.ln\.{AFFINE}", r"stages.\1.downsample.0.\2"),
        Use(r"downsample_layers\.([1-3])\.1\.kernel", r"stages.\1.downsample.1.weight", _kernel),
        Use(r"downsample_layers\.([1-3])\.1\.bias", r"stages.\1.downsample.1.bias", as_wanted),
        Use(r"stages\.(\d+)\.(\d+)\.dwconv\.kernel", r"stages.\1.blocks.\2.conv_dw.weight", _kernel),
        Use(r"stages\.(\d+)\.(\d+)\.dwconv\.bias", r"stages.\1.blocks.\2.conv_dw.bias", as_wanted),
        Use(rf"stages\.(\d+)\.(\d+)\.norm\.ln\.{AFFINE}", r"stages.\1.blocks.\2.norm.\3"),
        Use(rf"stages\.(\d+)\.(\d+)\.pwconv([12])\.linear\.{AFFINE}", r"stages.\1.blocks.\2.mlp.fc\3.\4", as_wanted),
        *_GRN,
    ),
    drops=_BESIDE,
)
