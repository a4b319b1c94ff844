"""The head that contrastive losses look through; it is thrown away after pretraining."""

import torch
from torch import nn

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
