"""Classification heads: from a feature vector to the logit of each finding."""

import torch
from torch import Tensor, nn

from hilum.encoders.toh2023 import OWN_CLASSIFIERS
from hilum.finetuning.settings import HeadName, check_own_head

MLP_WIDTH = 128
TWO_LAYER_WIDTHS = 512, 128
"""Not reported by Gowtham et al. (2023): a quarter of a ResNet-50's feature, and `MLP_WIDTH`."""


class HeadPerFinding(nn.Module):
    """One linear layer for each finding, on a separate feature for each finding.

    Args:
        width: Width of the feature of a finding.
        findings: Number of findings.
        outputs: Outputs for each finding.
    """

    def __init__(self, width: int, findings: int, outputs: int) -> None:
        super().__init__()
        bound = width**-0.5  # as torch.nn.Linear
        self.weight = nn.Parameter(torch.empty(findings, outputs, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(findings, outputs).uniform_(-bound, bound))

    def forward(self, features: Tensor) -> Tensor:
        """Compute outputs, (B, findings x width) to (B, findings x outputs)."""
        each = features.view(len(features), self.weight.shape[0], -1)
        return (torch.einsum("bfw,fow->bfo", each, self.weight) + self.bias).flatten(1)


def make_head(name: HeadName, width: int, findings: int, *, dropout: float, encoder: str = "") -> nn.Module:
    """Make a head with torch's initialisation, from torch's random generator.

    The dropout before the head is in the classifier; further dropouts are in the head.

    Args:
        name: "linear": one layer. "mlp": (dropout) linear 128, ReLU, dropout, linear (Elwirehardja et al. 2025, §3.4).
            "two_layers": two fully connected layers, each with dropout on its input, and the layer of the logits:
            (dropout) linear 512, ReLU, dropout, linear 128, ReLU, linear (Gowtham et al. 2023, "Downstream
            classification task"). "own": the classifier of the architecture
            (`hilum.encoders.toh2023.OWN_CLASSIFIERS`).
        width: Width of the feature.
        findings: Number of logits.
        dropout: Dropout rate, 0 to below 1.
        encoder: Name of the architecture, for "own".

    Raises:
        HilumError: The architecture has no classifier.
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
