"""What transformers attend to: their attention matrices, also where fused kernels hide them, and maps made of them.

Attention says where a network reads, not for which finding: its map is the same for all of them. It has no meaning for
networks without attention, nor for windows that see a part of the image only (Swin).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.overrides import TorchFunctionMode

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.explanation.maps.last_features import is_transformer
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.pooling import (
    ClassToken,
    ClassTokenAndMean,
    ClassTokensOfLastBlocks,
    ClassTokensOfLastBlocksAndMean,
)

AttentionMethod: TypeAlias = Literal["rollout", "attention"]


def attention_map(classifier: Classifier, images: Tensor, method: AttentionMethod) -> Tensor:
    """How much of each place reaches the feature.

    "attention": the last block's attention, the mean over heads. "rollout": through all blocks, see `rollout`. Both are
    read where the feature is read: at the class token, or, where the feature is made of places, at their mean.

    Args:
        classifier: in evaluation mode; its encoder attends to the whole image.
        images: views (B, 1, H, W) in [0, 1], on the classifier's device.
        method: see above.

    Returns:
        (B, rows, columns), 0 to 1. Sums to 1 where no class token and no register takes a share.

    Raises:
        HilumError: the encoder has no such attention.
    """
    encoder = classifier.encoder
    if not is_transformer(encoder):
        raise HilumError(
            f"--method {method}",
            expected="an encoder whose blocks attend to the whole image",
            found=encoder.name,
            fix="Use gradcam, gradcam++, layercam or occlusion.",
        )
    selected: list[Tensor] = []
    if method == "attention":
        watch_attention(encoder, images, lambda matrix: selected.__setitem__(slice(None), [matrix.mean(1)]))
        reached = selected[0]
    else:
        watch_attention(encoder, images, lambda matrix: selected.append(matrix.mean(1)))
        reached = rollout(selected)
    rows = reached[:, :1] if _reads_class_token(classifier) else reached[:, encoder.prefix_tokens :]
    places = rows.mean(1)[:, encoder.prefix_tokens :]
    return places.reshape(len(places), *encoder.patch_grid((images.shape[2], images.shape[3])))


def rollout(matrices: Sequence[Tensor]) -> Tensor:
    """Attention through several blocks: the product of (A + I) / 2, the last block's on the left.

    Abnar & Zuidema, "Quantifying attention flow in transformers", ACL 2020, §3.

    Args:
        matrices: the mean over heads of each block's attention, (B, N, N), in the order of the blocks; rows sum to 1.

    Returns:
        (B, N, N), rows sum to 1: what a token behind the last block holds of each that entered the first.
    """
    through = torch.eye(matrices[0].shape[-1], dtype=matrices[0].dtype, device=matrices[0].device)
    identity = through
    for matrix in matrices:
        through = (matrix + identity) / 2 @ through
    return through


def attention_matrices(encoder: Encoder, images: Tensor) -> list[Tensor]:
    """The attention of every block, (B, heads, N, N) each, rows sum to 1; N counts class token and registers."""
    matrices: list[Tensor] = []
    watch_attention(encoder, images, matrices.append)
    return matrices


def watch_attention(encoder: Encoder, images: Tensor, see: Callable[[Tensor], Any]) -> None:
    """Let a transformer look at images, and hand every block's attention matrix to `see` as it comes.

    Matrices are taken where queries meet keys, so norms, rotary positions and masks are in them; nothing is built
    again from a network's parts, and fused kernels stay in use.
    """
    with torch.no_grad(), _Watch(see):
        encoder.tokens(images)


class _Watch(TorchFunctionMode):
    """Sees every attention that is computed while it is entered."""

    def __init__(self, see: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.see = see

    def __torch_function__(
        self, func: Any, types: Iterable[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute, and show the attention that was hidden in it."""
        result = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            self.see(_hidden(*args, **(kwargs or {})))
        elif func in _SOFTMAXES and result.ndim == 4 and result.shape[-1] == result.shape[-2]:
            self.see(result)  # (B, heads, N, N): written out
        return result


_SOFTMAXES = {torch.softmax, torch.Tensor.softmax, F.softmax}


def _hidden(
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """The matrix inside a fused attention; the arguments are those of torch."""
    assert not is_causal  # images have no direction of time
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1)


def _reads_class_token(classifier: Classifier) -> bool:
    """Whether the feature is the class token, or has it as a part."""
    if classifier.pooling is None:
        return classifier.encoder.family.pooling == "cls"
    of_class_tokens = ClassToken, ClassTokenAndMean, ClassTokensOfLastBlocks, ClassTokensOfLastBlocksAndMean
    return isinstance(classifier.pooling, of_class_tokens)
