"""The networks of Toh et al. (2023), Table 1, with three input channels and 14 outputs.

Encoders of the same name have one channel and no classifier, thus fewer parameters. The paper's sixth network, CheXNet,
is DenseNet-121; only its published count includes running means and variances.
"""

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import timm
from torch import nn

from hilum.encoders.toh2023 import cnn, densenet, resnet, unet_encoder, xvt
from hilum.encoders.weightless import weightless

CHANNELS = 3
FINDINGS = 14
CHEXNET_WIDTH = 1024


@dataclass(frozen=True)
class PaperForm:
    """A network as in the paper.

    Attributes:
        title: Name in the paper.
        body: Creates the body, with the paper's channels.
        classifier: Creates the classifier, with the paper's findings.
        counts_statistics: True if the published parameter count includes running means and variances.
    """

    title: str
    body: Callable[[], nn.Module]
    classifier: Callable[[], nn.Module]
    counts_statistics: bool = False


PAPER_FORMS: dict[str, PaperForm] = {
    "toh2023_cnn": PaperForm(
        "CNN with residual connections", lambda: cnn.SmallCNN(CHANNELS), lambda: cnn.classifier(FINDINGS)
    ),
    "toh2023_resnet": PaperForm("ResNet", lambda: resnet.SmallResNet(CHANNELS), lambda: resnet.classifier(FINDINGS)),
    "toh2023_densenet": PaperForm(
        "DenseNet", lambda: densenet.small_densenet(CHANNELS), lambda: densenet.classifier(FINDINGS)
    ),
    "toh2023_unet_encoder": PaperForm(
        "UnetEncoder",
        lambda: unet_encoder.UnetEncoder(CHANNELS),
        lambda: unet_encoder.classifier(FINDINGS),
    ),
    "toh2023_xvt": PaperForm("XvT", lambda: xvt.XvT(CHANNELS), lambda: xvt.classifier(FINDINGS)),
    "densenet121": PaperForm(
        "CheXNet",
        lambda: timm.create_model("densenet121", in_chans=CHANNELS, num_classes=0, global_pool=""),
        lambda: nn.Sequential(OrderedDict(fc=nn.Linear(CHEXNET_WIDTH, FINDINGS))),
        counts_statistics=True,
    ),
}

OWN_CLASSIFIERS: dict[str, Callable[[int], nn.Module]] = {
    "toh2023_cnn": cnn.classifier,
    "toh2023_resnet": resnet.classifier,
    "toh2023_densenet": densenet.classifier,
    "toh2023_unet_encoder": unet_encoder.classifier,
    "toh2023_xvt": xvt.classifier,
    "densenet121": lambda findings: nn.Sequential(OrderedDict(fc=nn.Linear(CHEXNET_WIDTH, findings))),
}
"""Functions of the number of findings to the paper's classifier, by encoder."""

_GROUPS = (
    (re.compile(r"body\.(?:stem|patches|norm_patches|features\.conv0|features\.norm0)\."), "stem", 0),
    (re.compile(r"body\.blocks\.(\d+)\."), "block {}", 1),
    (re.compile(r"body\.layers\.(\d+)\."), "layer {}", 1),
    (re.compile(r"body\.features\.denseblock(\d+)\."), "dense block {}", 0),
    (re.compile(r"body\.features\.transition(\d+)\."), "transition {}", 0),
    (re.compile(r"body\.bottleneck\."), "bottleneck", 0),
    (re.compile(r"body\.(?:norm|features\.norm5)\."), "last norm", 0),
    (re.compile(r"classifier\.fc\."), "fully connected", 0),
    (re.compile(r"classifier\.fc(\d+)\."), "fully connected {}", 0),
)


def paper_network(name: str) -> nn.ModuleDict:
    """Create the network `PAPER_FORMS[name]` (`body` and `classifier`), with random weights of torch's generator."""
    form = PAPER_FORMS[name]
    return nn.ModuleDict({"body": form.body(), "classifier": form.classifier()})


def paper_groups(name: str) -> dict[str, int]:
    """Count parameters by layer group of a network as in the paper, in forward order.

    The sum is `published` of the catalogue; running means and variances are a separate group if included there.
    """
    with weightless():
        network = paper_network(name)
    groups: dict[str, int] = {}
    for parameter_name, parameter in network.named_parameters():
        group = _group(parameter_name)
        groups[group] = groups.get(group, 0) + parameter.numel()
    if PAPER_FORMS[name].counts_statistics:
        groups["running means and variances"] = sum(
            buffer.numel() for key, buffer in network.named_buffers() if key.endswith(("running_mean", "running_var"))
        )
    return groups


def _group(parameter_name: str) -> str:
    matches = ((pattern.match(parameter_name), title, first) for pattern, title, first in _GROUPS)
    match, title, first = next(found for found in matches if found[0])
    assert match is not None
    return title.format(*(int(number) + first for number in match.groups()))
