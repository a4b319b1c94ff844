"""From a feature vector to the logit of each finding."""

import torch
from torch import Tensor, nn

from hilum.encoders.toh2023 import OWN_CLASSIFIERS
from hilum.finetuning.settings import HeadName, check_own_head

MLP_WIDTH = 128
TWO_LAYER_WIDTHS = 512, 128
"""Gowtham et al. (2023) name no widths: a quarter of a ResNet-50's feature, and then that of the other head."""


class HeadPerFinding(nn.Module):
    """A linear layer of its own for each finding, on the finding's own feature.

    Args:
        width: of one finding's feature.
        findings: how many.
        outputs: for each finding.
    """

    def __init__(self, width: int, findings: int, outputs: int) -> None:
        super().__init__()
        bound = width**-0.5  # as torch.nn.Linear
        self.weight = nn.Parameter(torch.empty(findings, outputs, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(findings, outputs).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """(B, findings x width) to (B, findings x outputs)."""
        each = features.view(len(features), self.weight.shape[0], -1)
        return (torch.einsum("bfw,fow->bfo", each, self.weight) + self.bias).flatten(1)


def make_head(name: HeadName, width: int, findings: int, *, dropout: float, encoder: str = "") -> nn.Module:
    """A head with torch's own initialisation, drawn from torch's generator.

    The dropout before the head belongs to the classifier; the further ones are in here.

    Args:
        name: "linear": one layer. "mlp": (dropout) linear 128, ReLU, dropout, linear (Elwirehardja et al. 2025, §3.4).
            "two_layers": two fully connected layers with a dropout on each, here on what it receives, and then the
            layer of the logits: (dropout) linear 512, ReLU, dropout, linear 128, ReLU, linear (Gowtham et al. 2023,
            "Downstream classification task"). "own": that which came with the architecture
            (`hilum.encoders.toh2023.OWN_CLASSIFIERS`).
        width: of the feature.
        findings: how many logits.
        dropout: 0 to below 1.
        encoder: name of the architecture, for "own".

    Raises:
        HilumError: the architecture has no head of its own.
    """
    if name == "own":
        check_own_head(encoder)
        return OWN_CLASSIFIERS[encoder](findings)
    if name == "linear":
        return nn.Linear(width, findings)
    if name == "mlp":
        return nn.Sequential(
            nn.Linear(width, MLP_WIDTH), nn.ReLU(), nn.Dropout(dropout), nn.Linear(MLP_WIDTH, findings)
        )
    first, second = TWO_LAYER_WIDTHS
    return nn.Sequential(
        nn.Linear(width, first),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(first, second),
        nn.ReLU(),
        nn.Linear(second, findings),
    )
