"""The head of DINO: from features to logits over prototypes (Caron et al., ICCV 2021, §3.1 and appendix C).

The head that contrastive losses look through; it is thrown away after pretraining.
"""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

HIDDEN_WIDTH = 2048
BOTTLENECK_WIDTH = 256


class DINOHead(nn.Module):
    """Three linear layers with GELU between, the direction of the result, and its cosine with every prototype.

    Args:
        feature_width: of the encoder.
        prototypes: K.
        seed: its weights depend on this alone; torch's own generator is not moved.
        hidden: width of the hidden layers.
        bottleneck: width of the directions.
        batch_norm: after each hidden layer, as DINO has it for convolutional encoders.
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
        """Cosines of features with prototypes, (N, feature_width) to (N, K).

        Args:
            features: any norm.
            train_prototypes: whether gradients reach the prototypes; DINO holds them still for the first epoch.
        """
        directions = F.normalize(self.layers(features), dim=-1)
        prototypes = self.prototypes if train_prototypes else self.prototypes.detach()
        return F.linear(directions, F.normalize(prototypes, dim=1))


def _norm(width: int, wanted: bool) -> list[nn.Module]:
    return [nn.BatchNorm1d(width)] if wanted else []


PROJECTION_WIDTH = 128
"""Chen et al. 2020 (SimCLR), §2.1 and He et al. 2020 (MoCo), §3.3."""


def projection_head(feature_width: int, *, seed: int, batch_norm: bool = False) -> nn.Sequential:
    """Two linear layers with a ReLU between, as wide as the features: g in SimCLR §2.1, and MoCo v2's head.

    Args:
        feature_width: of the encoder.
        seed: its weights depend on this alone; torch's own generator is not moved.
        batch_norm: behind each linear layer, which then has no bias; the last without a scale of its own. So in the
            code of MoCo v3 (Chen, Xie & He, "An empirical study of training self-supervised vision transformers", ICCV
            2021).
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
