"""torchvision's networks, and checkpoints of code that trained them.

Definitions: torchvision.models.resnet and .densenet; arnoweng/CheXNet model.py; mlmed/torchxrayvision models.py;
tonylins/simclr-converter convert.py.
"""

from hilum.encoders.published.key_maps.key_patterns import AFFINE, BATCH_NORM, COUNTER, RESNET, TRAINING_STATE
from hilum.encoders.published.key_maps.layout import Layout, Use

_CLASSIFIER = "the classifier of the original task"

_DENSENET = (
    Use(rf"features\.(conv0\.weight|norm[05]\.{BATCH_NORM})", r"features.\1"),
    # Before 0.4, torch allowed dots in names: norm.1 is norm1 today.
    Use(
        rf"features\.(denseblock\d+\.denselayer\d+)\.(conv|norm)\.?([12])\.({BATCH_NORM})",
        r"features.\1.\2\3.\4",
    ),
    Use(rf"features\.(transition\d+\.(?:conv\.weight|norm\.{BATCH_NORM}))", r"features.\1"),
)

RESNET_LAYOUT = Layout(
    title="torchvision's ResNet",
    sign=r"layer4\.\d+\.conv2\.weight",
    uses=RESNET,
    drops={rf"fc\.{AFFINE}": _CLASSIFIER},
    neutral=COUNTER,
)

DENSENET = Layout(
    title="torchvision's DenseNet",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    drops={rf"classifier\.{AFFINE}": _CLASSIFIER},
    neutral=COUNTER,
)

CHEXNET = Layout(
    title="arnoweng's CheXNet: DenseNet-121 in a DataParallel, in torchvision's old names",
    prefix=r"state_dict\.module\.densenet121\.",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    drops={rf"state_dict\.module\.densenet121\.classifier\.0\.{AFFINE}": "the scores of 14 findings", **TRAINING_STATE},
    neutral=COUNTER,
)

TORCHXRAYVISION = Layout(
    title="TorchXRayVision's DenseNet-121, one channel",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    drops={
        rf"classifier\.{AFFINE}": "the scores of its findings",
        r"op_threshs": "operating points of its scores",
    },
    neutral=COUNTER,
)

SIMCLR = Layout(
    title="SimCLR's ResNet-50 (1x) as tonylins/simclr-converter writes it",
    prefix=r"state_dict\.",
    sign=r"layer4\.\d+\.conv2\.weight",
    uses=RESNET,
    drops={rf"state_dict\.fc\.{AFFINE}": "the linear classifier on top"},
    neutral=COUNTER,
)
