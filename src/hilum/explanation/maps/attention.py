"""Attention matrices of transformers, including those of fused kernels, and attention maps.

Attention maps do not depend on the finding. They are not defined for networks without attention, nor for attention
within windows (Swin).
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
    """Compute the attention of the feature to each position.

    "attention": the last block's attention, the mean over heads. "rollout": through all blocks, see `rollout`. The
    query is that of the feature: the class token, or the mean over positions for pooled features.

    Args:
        classifier: Classifier in evaluation mode whose encoder attends to the whole image.
        images: Views, (B, 1, H, W) in [0, 1], on the classifier's device.
        method: "attention" or "rollout".

    Returns:
        Maps, (B, rows, columns), 0 to 1. The sum is 1 without class token and registers.

    Raises:
        HilumError: The encoder has no attention to the whole image.
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
        capture_attention(encoder, images, lambda matrix: selected.__setitem__(slice(None), [matrix.mean(1)]))
        reached = selected[0]
    else:
        capture_attention(encoder, images, lambda matrix: selected.append(matrix.mean(1)))
        reached = rollout(selected)
    rows = reached[:, :1] if _reads_class_token(classifier) else reached[:, encoder.prefix_tokens :]
    places = rows.mean(1)[:, encoder.prefix_tokens :]
    return places.reshape(len(places), *encoder.patch_grid((images.shape[2], images.shape[3])))


def rollout(matrices: Sequence[Tensor]) -> Tensor:
    """Compute attention rollout: the product of (A + I) / 2 over the blocks, the last block on the left.

    Abnar & Zuidema, "Quantifying attention flow in transformers", ACL 2020, §3.

    Args:
        matrices: Attention of each block, the mean over heads, (B, N, N), in the order of the blocks; rows sum to 1.

    Returns:
        Attention of the output tokens to the input tokens, (B, N, N); rows sum to 1.
    """
    through = torch.eye(matrices[0].shape[-1], dtype=matrices[0].dtype, device=matrices[0].device)
    identity = through
    for matrix in matrices:
        through = (matrix + identity) / 2 @ through
    return through


def capture_attention(encoder: Encoder, images: Tensor, receive: Callable[[Tensor], Any]) -> None:
    """Run a transformer on images and pass the attention matrix of each block to a function.

    Matrices are (B, heads, N, N), rows sum to 1; N includes class token and registers. They are computed from the
    queries and keys of each attention call, so norms, rotary positions and masks are included; fused kernels stay in
    use.

    Args:
        encoder: Transformer.
        images: Views, (B, 1, H, W) in [0, 1].
        receive: Function that receives the matrices in the order of the blocks.
    """
    with torch.no_grad(), _CaptureAttention(receive):
        encoder.tokens(images)


class _CaptureAttention(TorchFunctionMode):
    """Mode that passes every computed attention matrix to a function."""

    def __init__(self, receive: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.receive = receive

    def __torch_function__(
        self, func: Any, types: Iterable[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call the function and pass on its attention matrix."""
        result = func(*args, **(kwargs or {}))
        if func is F.scaled_dot_product_attention:
            self.receive(_attention_of(*args, **(kwargs or {})))
        elif func in _SOFTMAXES and result.ndim == 4 and result.shape[-1] == result.shape[-2]:
            self.receive(result)  # (B, heads, N, N): attention without a fused kernel
        return result


_SOFTMAXES = {torch.softmax, torch.Tensor.softmax, F.softmax}


def _attention_of(
    query: Tensor,
    key: Tensor,
    value: Tensor,  # noqa: ARG001
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,  # noqa: ARG001
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Compute the matrix of a fused attention; the arguments are those of torch."""
    assert not is_causal  # not used for images
    scores = query @ key.transpose(-1, -2) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
    return scores.softmax(-1)


def _reads_class_token(classifier: Classifier) -> bool:
    """Return whether the feature is, or includes, the class token."""
    if classifier.pooling is None:
        return classifier.encoder.family.pooling == "cls"
    of_class_tokens = ClassToken, ClassTokenAndMean, ClassTokensOfLastBlocks, ClassTokensOfLastBlocksAndMean
    return isinstance(classifier.pooling, of_class_tokens)
