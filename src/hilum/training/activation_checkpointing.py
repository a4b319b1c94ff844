"""Activation (gradient) checkpointing: recompute activations in the backward pass to save memory.

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
    """Checkpoint the activations of all encoder blocks after the stem within the context; results are bit-identical.

    Raises:
        HilumError: A block has batch norm, whose running statistics the second forward pass would update again.
    """
    blocks = [part for encoder in encoders for block in encoder.blocks[1:] for part in _parts(block)]
    for block in blocks:
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in block.modules()):
            raise HilumError(
                "training.activation_checkpointing",
                expected="blocks without batch norm",
                found="batch norm, whose statistics would be updated twice",
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
    """Call `function(block, *inputs)`, checkpointed if the block is; for code that does not call the block itself."""
    if "forward" in vars(block):
        again: Tensor = checkpoint(partial(function, block), *inputs, use_reentrant=False)
        return again
    return function(block, *inputs)


def _parts(block: nn.Module) -> list[nn.Module]:
    return [*block] if isinstance(block, nn.ModuleList) else [block]
