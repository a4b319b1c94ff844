"""From a feature vector to the logit of each finding."""

from torch import nn

from hilum.finetuning.settings import HeadName

MLP_WIDTH = 128
TWO_LAYER_WIDTHS = 512, 128
"""Gowtham et al. (2023) name no widths: a quarter of a ResNet-50's feature, and then that of the other head."""


def make_head(name: HeadName, width: int, findings: int, *, dropout: float) -> nn.Module:
    """A head with torch's own initialisation, drawn from torch's generator.

    The dropout before the head belongs to the classifier; the further ones are in here.

    Args:
        name: "linear": one layer. "mlp": (dropout) linear 128, ReLU, dropout, linear (Elwirehardja et al. 2025, §3.4).
            "two_layers": two fully connected layers with a dropout on each, here on what it receives, and then the
            layer of the logits: (dropout) linear 512, ReLU, dropout, linear 128, ReLU, linear (Gowtham et al. 2023,
            "Downstream classification task").
        width: of the feature.
        findings: how many logits.
        dropout: 0 to below 1.
    """
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
