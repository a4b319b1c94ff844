"""Projection heads, discarded after pretraining: DINO's head with prototypes, and the MLP of SimCLR and MoCo v2."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

HIDDEN_WIDTH = 2048
BOTTLENECK_WIDTH = 256


class DINOHead(nn.Module):
    """DINO's head: 3-layer MLP, L2 normalisation, and cosines with K prototypes (ICCV 2021, §3.1 and appendix C).

    Args:
        feature_width: Width of the encoder's features.
        prototypes: Number of prototypes K.
        seed: Random seed of the weights; torch's global generator is not changed.
        hidden: Width of the hidden layers.
        bottleneck: Width of the normalised output.
        batch_norm: Batch norm after each hidden layer, as in DINO for convolutional encoders.
    """

    def __init__(
        self,
        feature_width: int,
        prototypes: int,
        *,
        seed: int,
        hidden: int = HIDDEN_WIDTH,
        bottleneck: int = BOTTLENECK_WIDTH,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.layers = nn.Sequential(
                nn.Linear(feature_width, hidden), *_norm(hidden, batch_norm), nn.GELU(),
                nn.Linear(hidden, hidden), *_norm(hidden, batch_norm), nn.GELU(),
                nn.Linear(hidden, bottleneck),
            )  # fmt: skip
            for layer in self.layers:
                if isinstance(layer, nn.Linear):
                    nn.init.trunc_normal_(layer.weight, std=0.02)
                    nn.init.zeros_(layer.bias)
            self.prototypes = nn.Parameter(F.normalize(torch.randn(prototypes, bottleneck), dim=1))

    def forward(self, features: Tensor, *, train_prototypes: bool = True) -> Tensor:
        """Compute cosines of projected features with prototypes, (N, feature_width) to (N, K).

        Args:
            features: Features, any norm.
            train_prototypes: False stops gradients to the prototypes; DINO freezes them in the first epoch.
        """
        directions = F.normalize(self.layers(features), dim=-1)
        prototypes = self.prototypes if train_prototypes else self.prototypes.detach()
        return F.linear(directions, F.normalize(prototypes, dim=1))


def _norm(width: int, wanted: bool) -> list[nn.Module]:
    return [nn.BatchNorm1d(width)] if wanted else []


PROJECTION_WIDTH = 128
"""Chen et al. 2020 (SimCLR), §2.1 and He et al. 2020 (MoCo), §3.3."""


def projection_head(feature_width: int, *, seed: int, batch_norm: bool = False) -> nn.Sequential:
    """Create the 2-layer MLP head of SimCLR (g in §2.1) and MoCo v2, with hidden width of the features.

    Args:
        feature_width: Width of the encoder's features.
        seed: Random seed of the weights; torch's global generator is not changed.
        batch_norm: Batch norm after each linear layer (then without bias), the last one without affine parameters, as
            in the code of MoCo v3 (Chen, Xie & He, "An empirical study of training self-supervised vision
            transformers", ICCV 2021).
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if not batch_norm:
            return nn.Sequential(
                nn.Linear(feature_width, feature_width), nn.ReLU(), nn.Linear(feature_width, PROJECTION_WIDTH)
            )
        return nn.Sequential(
            nn.Linear(feature_width, feature_width, bias=False),
            nn.BatchNorm1d(feature_width),
            nn.ReLU(),
            nn.Linear(feature_width, PROJECTION_WIDTH, bias=False),
            nn.BatchNorm1d(PROJECTION_WIDTH, affine=False),
        )
