"""A small densely connected network: Toh et al. (2023), §2.3.

timm's DenseNet with growth rate 24 and 4 + 8 + 16 + 12 layers: 48 channels after the stem, bottlenecks of 96.
"""

from collections import OrderedDict
from dataclasses import replace

from timm.models.densenet import DenseNet
from torch import nn

from hilum.encoders.families.convolutional import DENSENET as DENSENETS

GROWTH = 24
LAYERS = 4, 8, 16, 12
WIDTH = 546


def small_densenet(channels: int) -> nn.Module:
    """Create the body, up to the last batch norm and ReLU."""
    return DenseNet(growth_rate=GROWTH, block_config=LAYERS, in_chans=channels, num_classes=0, global_pool="")


def classifier(findings: int) -> nn.Sequential:
    """Create the paper's classifier on the mean over the map."""
    return nn.Sequential(OrderedDict(fc=nn.Linear(WIDTH, findings)))


DENSENET = replace(DENSENETS, build=lambda name: small_densenet(channels=1))  # noqa: ARG005
