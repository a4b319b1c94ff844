"""FCMAE, the fully convolutional masked autoencoder (MAE): Woo et al., "ConvNeXt V2", CVPR 2023, §3."""

import numpy as np
import torch
from torch import Tensor, nn

from hilum.augment import random_views
from hilum.data.batches import Batch
from hilum.data.transfer import to_device
from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.pretext.masking import check_is_convnext_v2, random_masks, visible_features
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import FCMAESettings


def patches_of(images: Tensor, patch: int) -> Tensor:
    """Split images into patches, (B, 1, rows · patch, columns · patch) to (B, rows, columns, patch²)."""
    cells = images[:, 0].unfold(1, patch, patch).unfold(2, patch, patch)
    return cells.reshape(*cells.shape[:3], patch * patch)


def masked_patch_loss(predicted: Tensor, images: Tensor, masked: Tensor, patch: int) -> Tensor:
    """Compute the mean squared error at masked patches, with per-patch normalised targets (§3, "target").

    Args:
        predicted: Predicted pixels, (B, rows, columns, patch²).
        images: Images, (B, 1, rows · patch, columns · patch).
        masked: Indices of masked patches in (B · rows · columns), ascending, int64; or a mask (B, rows, columns), True
            where masked, which synchronises with the GPU.
        patch: Side of a patch in px.

    Returns:
        Scalar, in float32 also under autocast; 1 if all predictions are 0 (apart from patches of constant gray).
    """
    target = patches_of(images.float(), patch)
    variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
    target = (target - mean) / (variance + 1e-6).sqrt()
    places = masked.flatten().nonzero()[:, 0] if masked.dtype == torch.bool else masked
    return (predicted.float() - target).square().mean(-1).flatten()[places].mean()


class FCMAE(Pretext):
    """FCMAE: reconstruct the pixels of masked patches from the visible ones.

    Args:
        encoder: A ConvNeXt V2.
        settings: Settings of the method.
        run: Parameters of the run; the sides of the view are multiples of the encoder's patch, at least two patches.
            Its seed is also that of masks and decoder weights.
    """

    def __init__(self, encoder: Encoder, settings: FCMAESettings, run: PretextRun) -> None:
        super().__init__(run.collapse_monitor)
        check_is_convnext_v2(encoder)
        for side in [run.size] if run.early is None else [run.size, run.early.size]:
            if side % encoder.patch or side < 2 * encoder.patch:
                raise HilumError(
                    "size of fcmae",
                    expected=f"a multiple of {encoder.patch} px, at least {2 * encoder.patch}",
                    found=f"{side} px",
                    fix="Change `resize` of the preprocessing, or `size`.",
                )
        self.encoder, self.augmentation, self.size, self.early = encoder, run.augmentation, run.size, run.early
        self.mask_ratio, self.seed = settings.mask_ratio, run.seed
        decoder_width = settings.decoder_width
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(run.seed)
            self.into_decoder = nn.Conv2d(encoder.token_width, decoder_width, 1)
            self.decoder = DecoderBlock(decoder_width)
            self.to_pixels = nn.Conv2d(decoder_width, encoder.patch**2, 1)
            self.mask_token = nn.Parameter(torch.randn(decoder_width) * 0.02)

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the reconstruction error at the masked patches of one view of each image."""
        self.set_count("epoch", epoch)
        views = random_views(
            batch.images, batch.keys, self.augmentation, self._size(epoch), seed=self.seed, epoch=epoch, view=0
        )
        mask = self._mask(batch.keys, epoch)
        features = self.into_decoder(visible_features(self.encoder, views, ~mask))
        masked = to_device(mask, views.device)
        filled = torch.where(masked[:, None], self.mask_token[:, None, None].to(features.dtype), features)
        predicted = self.to_pixels(self.decoder(filled)).permute(0, 2, 3, 1)
        places = to_device(np.flatnonzero(mask), views.device)
        return masked_patch_loss(predicted, views, places, self.encoder.patch)

    @property
    def needs_whole_batch(self) -> str:
        """Empty: every image has the same number of masked patches, so that the loss is a mean over images."""
        return ""

    @property
    def chance_loss(self) -> float:
        """Loss if every masked patch is predicted as its mean."""
        return 1.0

    def epoch_metrics(self) -> dict[str, float]:
        """Compute collapse metrics of the features, and the fraction of masked patches."""
        masked = float(self._mask(np.zeros(1, np.uint64), 0).double().mean())
        return self.collapse_metrics(self.encoder, nn.Identity()) | {"masked_fraction": masked}

    def _size(self, epoch: int) -> int:
        return self.early.size if self.early is not None and epoch < self.early.epochs else self.size

    def _mask(self, keys: np.ndarray[tuple[int], np.dtype[np.uint64]], epoch: int) -> Tensor:
        grid = self._size(epoch) // self.encoder.patch
        return torch.from_numpy(random_masks(keys, grid, mask_ratio=self.mask_ratio, seed=self.seed, epoch=epoch))


class DecoderBlock(nn.Module):
    """ConvNeXt V2 block: depthwise 7 x 7 convolution, norm, MLP with GELU and global response normalisation (GRN)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gain, self.shift = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(4 * width))

    def forward(self, features: Tensor) -> Tensor:
        """Compute the block, (B, width, h, w) to the same shape."""
        inner = self.norm(self.depthwise(features).permute(0, 2, 3, 1))
        wide = nn.functional.gelu(self.widen(inner))
        energy = wide.norm(dim=(1, 2), keepdim=True)
        responses = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        wide = wide + self.gain * (wide * responses) + self.shift
        out: Tensor = features + self.narrow(wide).permute(0, 3, 1, 2)
        return out


def advice(settings: FCMAESettings) -> str:
    """Return what to change after a collapse."""
    return f"hide more `mask_ratio` (now {settings.mask_ratio:g})"


FCMAE_METHOD: Method = Method(
    "FCMAE", FCMAESettings, FCMAE, augmentation="fcmae", advice=advice, forward_passes=lambda _, __: TRAINED * 1.2
)
