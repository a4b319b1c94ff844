"""Network to export: gray images of a fixed size to probabilities."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from hilum.encoders.positions import ANTIALIASED, resize_positions
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.output_types import Multiclass
from hilum.prediction.loading import PackagedClassifier


class Scorer(nn.Module):
    """Probabilities of one classifier, or their mean over several.

    Args:
        model: Model whose network is copied to the CPU, in float32.
    """

    def __init__(self, model: PackagedClassifier) -> None:
        super().__init__()
        copies = [deepcopy(each).cpu().to(memory_format=torch.contiguous_format).eval() for each in model.classifiers]
        for copy in copies:
            bake_positions(copy, model.image_size)
            copy.requires_grad_(False)
        self.members = nn.ModuleList(copies)
        self.multiclass = isinstance(copies[0].output_type, Multiclass)

    def forward(self, images: Tensor) -> Tensor:
        """Compute probabilities (B, F) of images (B, 1, S, S) in [0, 1]."""
        parts = []
        for member in self.members:
            logits = member(images)
            parts.append(logits.softmax(1) if self.multiclass else logits.sigmoid())
        return parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)


def bake_positions(classifier: Classifier, size: int) -> None:
    """Resize learned position embeddings in place to the patch grid of images of a size.

    ONNX has no operator for bicubic resizing with antialiasing, so runtimes would differ by more than rounding.

    Args:
        classifier: Classifier whose encoder may have position embeddings.
        size: Side of the images in pixels.
    """
    body: Any = classifier.encoder.body
    positions: Any = getattr(body, "pos_embed", None)
    patches: Any = getattr(body, "patch_embed", None)
    if not isinstance(positions, nn.Parameter) or getattr(patches, "grid_size", None) is None:
        return
    grid = classifier.encoder.patch_grid(size)
    before = tuple(patches.grid_size)
    if grid == before:
        return
    prefix = 0 if body.no_embed_class else body.num_prefix_tokens
    rule = classifier.encoder.interpolation or ANTIALIASED
    with torch.no_grad():
        baked = resize_positions(positions, before, grid, prefix, rule)
    body.pos_embed = nn.Parameter(baked, requires_grad=False)
    patches.grid_size = grid
