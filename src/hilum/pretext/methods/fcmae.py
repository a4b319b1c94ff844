"""FCMAE, the fully convolutional masked autoencoder: Woo et al., "ConvNeXt V2", CVPR 2023, §3."""

import numpy as np
import torch
from torch import Tensor, nn

from hilum.augment import Augmentation, random_views
from hilum.data.batches import Batch
from hilum.data.transfer import to_device
from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.pretext.masking import check_is_convnext_v2, random_masks, visible_features
from hilum.pretext.methods.base import TRAINED, Method, Pretext, PretextRun
from hilum.pretext.methods.settings import FCMAESettings
from hilum.pretext.modules import EarlySizes
from hilum.pretext.monitoring import CollapseMonitor


def patches_of(images: Tensor, patch: int) -> Tensor:
    """Pixels by patch, (B, 1, rows · patch, columns · patch) to (B, rows, columns, patch²)."""
    cells = images[:, 0].unfold(1, patch, patch).unfold(2, patch, patch)
    return cells.reshape(*cells.shape[:3], patch * patch)


def masked_patch_loss(predicted: Tensor, images: Tensor, hidden: Tensor, patch: int) -> Tensor:
    """Mean squared error at hidden patches, each normalised by its own mean and deviation (§3, "target").

    Args:
        predicted: (B, rows, columns, patch²).
        images: (B, 1, rows · patch, columns · patch).
        hidden: which are: places in (B · rows · columns), in order, int64; or a mask (B, rows, columns), True where
            hidden, for which a GPU has to be waited for.
        patch: side in px.

    Returns:
        Scalar; 1 (but for patches of one gray value) where all predictions are 0. In float32 also under autocast.
    """
    target = patches_of(images.float(), patch)
    variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
    target = (target - mean) / (variance + 1e-6).sqrt()
    places = hidden.flatten().nonzero()[:, 0] if hidden.dtype == torch.bool else hidden
    return (predicted.float() - target).square().mean(-1).flatten()[places].mean()


class FCMAE(Pretext):
    """What is hidden of an image is predicted from what is visible.

    Args:
        encoder: a ConvNeXt V2; what is kept.
        augmentation: of the one view.
        size: its side in px, a multiple of the encoder's patch with at least two patches a side.
        share: of the patches that are hidden; 0.6 in the paper.
        decoder_width: of the one block behind; 512 in the paper.
        seed: of views, masks and the decoder's weights.
        collapse_monitor: looks at the features at the end of every epoch; None does not.
        early: a smaller side in the first epochs.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        augmentation: Augmentation,
        size: int,
        mask_ratio: float,
        decoder_width: int,
        seed: int,
        collapse_monitor: CollapseMonitor | None = None,
        early: EarlySizes | None = None,
    ) -> None:
        super().__init__()
        check_is_convnext_v2(encoder)
        for side in [size] if early is None else [size, early.size]:
            if side % encoder.patch or side < 2 * encoder.patch:
                raise HilumError(
                    "size of fcmae",
                    expected=f"a multiple of {encoder.patch} px, at least {2 * encoder.patch}",
                    found=f"{side} px",
                    fix="Change `resize` of the preprocessing, or `size`.",
                )
        self.early = early
        self.encoder, self.augmentation, self.size, self.mask_ratio, self.seed = encoder, augmentation, size, mask_ratio, seed
        self.collapse_monitor = collapse_monitor
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.into_decoder = nn.Conv2d(encoder.token_width, decoder_width, 1)
            self.decoder = DecoderBlock(decoder_width)
            self.to_pixels = nn.Conv2d(decoder_width, encoder.patch**2, 1)
            self.mask_token = nn.Parameter(torch.randn(decoder_width) * 0.02)
        self.epoch: Tensor
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))  # the one under way, for a resumed run too

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Error of the hidden patches of one view of each image."""
        self.set_count("epoch", epoch)
        views = random_views(
            batch.images, batch.keys, self.augmentation, self._size(epoch), seed=self.seed, epoch=epoch, view=0
        )
        mask = self._hidden(batch.keys, epoch)
        features = self.into_decoder(visible_features(self.encoder, views, ~mask))
        hidden = to_device(mask, views.device)
        filled = torch.where(hidden[:, None], self.mask_token[:, None, None].to(features.dtype), features)
        predicted = self.to_pixels(self.decoder(filled)).permute(0, 2, 3, 1)
        places = to_device(np.flatnonzero(mask), views.device)
        return masked_patch_loss(predicted, views, places, self.encoder.patch)

    @property
    def needs_whole_batch(self) -> str:
        """As many patches are hidden of every image, so that the loss is a mean over images."""
        return ""

    @property
    def chance_loss(self) -> float:
        """Every hidden patch is predicted as its mean."""
        return 1.0

    def epoch_metrics(self) -> dict[str, float]:
        """Signs of collapse, where there is no projection and the features stand for it; share of patches hidden."""
        features = (
            self.collapse_monitor.compute(self.encoder, nn.Identity(), self.count_of("epoch"))
            if self.collapse_monitor
            else {}
        )
        return features | {"hidden_share": float(self._hidden(np.zeros(1, np.uint64), 0).double().mean())}

    def _size(self, epoch: int) -> int:
        return self.early.size if self.early is not None and epoch < self.early.epochs else self.size

    def _hidden(self, keys: np.ndarray[tuple[int], np.dtype[np.uint64]], epoch: int) -> Tensor:
        grid = self._size(epoch) // self.encoder.patch
        return torch.from_numpy(random_masks(keys, grid, mask_ratio=self.mask_ratio, seed=self.seed, epoch=epoch))


class DecoderBlock(nn.Module):
    """One ConvNeXt V2 block on all places: depthwise 7 x 7, norm, twice linear with GELU and response normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gain, self.shift = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(4 * width))

    def forward(self, features: Tensor) -> Tensor:
        """(B, width, h, w) to the same shape."""
        inner = self.norm(self.depthwise(features).permute(0, 2, 3, 1))
        wide = nn.functional.gelu(self.widen(inner))
        energy = wide.norm(dim=(1, 2), keepdim=True)
        responses = energy / (energy.mean(-1, keepdim=True) + 1e-6)
        wide = wide + self.gain * (wide * responses) + self.shift
        out: Tensor = features + self.narrow(wide).permute(0, 3, 1, 2)
        return out


def create(encoder: Encoder, settings: FCMAESettings, run: PretextRun) -> FCMAE:
    """FCMAE for a run."""
    return FCMAE(
        encoder,
        augmentation=run.augmentation,
        size=run.size,
        mask_ratio=settings.mask_ratio,
        decoder_width=settings.decoder_width,
        seed=run.seed,
        collapse_monitor=run.collapse_monitor,
        early=run.early,
    )


def advice(settings: FCMAESettings) -> str:
    """What to change when it collapses."""
    return f"hide more `mask_ratio` (now {settings.mask_ratio:g})"


FCMAE_METHOD: Method = Method(
    "FCMAE", FCMAESettings, create, augmentation="fcmae", advice=advice, forward_passes=lambda _, __: TRAINED * 1.2
)
