"""Heat maps of a classifier by any method.

gradcam, gradcam++, layercam   from the last spatial features (`last_features`, `class_activation`)
occlusion                      from the decrease of the score under a cover (`occlusion`)
rollout, attention             from the attention of a transformer, independent of the finding (`attention`)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.explanation.maps.attention import attention_map
from hilum.explanation.maps.class_activation import METHODS
from hilum.explanation.maps.last_features import activations_and_gradients
from hilum.explanation.maps.occlusion import occlusion_maps
from hilum.explanation.methods import HeatMapMethod
from hilum.finetuning.classifier import Classifier


@dataclass(frozen=True)
class HeatMaps:
    """Heat maps at their own resolution, and their position on the image.

    Attributes:
        maps: Maps, (…, rows, columns), at least 0; not scaled, so that maps of one image are comparable.
        start, end: Start of the first row and end of the last one as fractions of the image's side, and the same for
            columns; may be outside the image.
    """

    maps: Tensor
    start: float
    end: float

    def on_image(self, side: int) -> Tensor:
        """Resample to the image, (…, side, side), by bilinear interpolation; the border is replicated."""
        leading, (rows, columns) = self.maps.shape[:-2], self.maps.shape[-2:]
        centres = (torch.arange(side, device=self.maps.device, dtype=torch.float32) + 0.5) / side
        places = 2 * (centres - self.start) / (self.end - self.start) - 1
        grid = torch.stack(torch.meshgrid(places, places, indexing="xy"), dim=-1)
        flat = self.maps.float().reshape(1, -1, rows, columns)
        upsampled = F.grid_sample(flat, grid[None], mode="bilinear", padding_mode="border", align_corners=False)
        return upsampled.reshape(*leading, side, side)


def heat_maps(classifier: Classifier, images: Tensor, wanted: Sequence[int], method: HeatMapMethod) -> HeatMaps:
    """Compute the heat maps of findings on images.

    Args:
        classifier: Classifier in evaluation mode.
        images: Views, (B, 1, S, S) in [0, 1], on the classifier's device.
        wanted: Indices of F findings among the logits.
        method: Method, see the module's docstring.

    Returns:
        Maps (B, F, rows, columns).

    Raises:
        HilumError: An unknown method, or one that the encoder does not support.
    """
    if method == "occlusion":
        chosen = list(wanted)
        return HeatMaps(occlusion_maps(lambda views: classifier(views)[:, chosen], images), 0.0, 1.0)
    start, end = covered(classifier.encoder, images.shape[-1])
    if method == "rollout" or method == "attention":
        one = attention_map(classifier, images, method)
        return HeatMaps(one[:, None].expand(-1, len(wanted), -1, -1), start, end)
    if method not in METHODS:
        known = ", ".join(get_args(HeatMapMethod))
        raise HilumError("--method", expected=f"one of {known}", found=repr(method), fix="Use one of these.")
    activations, gradients = activations_and_gradients(classifier, images, wanted)
    maps = torch.stack([METHODS[method](activations, of_one) for of_one in gradients], dim=1)
    return HeatMaps(maps, start, end)


_FIRST_CENTRE: dict[str, float] = {
    "resnet": 0.5,
    "toh2023_resnet": 0.5,
    "densenet": 14.5,
    "toh2023_densenet": 14.5,
    "toh2023_cnn": 33.0,
    "toh2023_unet_encoder": 78.0,
}
"""Centre of the receptive field of the first position of the last features, in px from the image's edge, by family;
half a patch for others.

It follows from kernels, strides and padding (Araujo et al., "Computing receptive fields of convolutional neural
networks", Distill 2019). A padded convolution of odd size is centred on the first px of each stride, so the positions
of a ResNet are half a position further up and left than in a map stretched over the image.
"""


def covered(encoder: Encoder, side: int) -> tuple[float, float]:
    """Return start and end of an encoder's feature map on an image of this side, as fractions of it."""
    first = _FIRST_CENTRE.get(encoder.architecture.family, encoder.patch / 2)
    begin = (first - encoder.patch / 2) / side
    return begin, begin + encoder.patch_grid(side)[0] * encoder.patch / side
