"""Less memory for more time: activations inside blocks are computed again when the backward pass needs them.

Chen et al., "Training deep nets with sublinear memory cost", 2016.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError


@contextmanager
def checkpoint_activations(encoders: Iterable[Encoder]) -> Iterator[None]:
    """While open, the blocks behind the encoders' stems keep their inputs only. Values and gradients are the same bits.

    Raises:
        HilumError: a block has batch norm, whose statistics a second pass would move a second time.
    """
    blocks = [part for encoder in encoders for block in encoder.blocks[1:] for part in _parts(block)]
    for block in blocks:
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in block.modules()):
            raise HilumError(
                "training.activation_checkpointing",
                expected="blocks without batch norm",
                found="batch norm, whose statistics would move twice",
                fix="Use a ViT, ConvNeXt or Swin, or a smaller batch.",
            )
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def run_block(function: Callable[..., Tensor], block: nn.Module, *inputs: object) -> Tensor:
    """`function(block, *inputs)`, for what walks through a block's parts itself instead of calling it."""
    if "forward" in vars(block):
        again: Tensor = checkpoint(partial(function, block), *inputs, use_reentrant=False)
        return again
    return function(block, *inputs)


def _parts(block: nn.Module) -> list[nn.Module]:
    return [*block] if isinstance(block, nn.ModuleList) else [block]
