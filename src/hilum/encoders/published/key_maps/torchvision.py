"""torchvision's networks, and checkpoints of code that trained them.

Definitions: torchvision.models.resnet and .densenet; arnoweng/CheXNet model.py; mlmed/torchxrayvision models.py;
tonylins/simclr-converter convert.py.
"""

from hilum.encoders.published.key_maps.key_patterns import AFFINE, BATCH_NORM, COUNTER, RESNET, TRAINING_STATE
from hilum.encoders.published.key_maps.layout import Layout, Use

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
    classifier=rf"fc\.{AFFINE}",
    neutral=COUNTER,
)

DENSENET = Layout(
    title="torchvision's DenseNet",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    classifier=rf"classifier\.{AFFINE}",
    neutral=COUNTER,
)

CHEXNET = Layout(
    title="arnoweng's CheXNet: DenseNet-121 in a DataParallel, in torchvision's old names",
    prefix=r"state_dict\.module\.densenet121\.",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    classifier=rf"state_dict\.module\.densenet121\.classifier\.0\.{AFFINE}",
    drops=TRAINING_STATE,
    neutral=COUNTER,
)

TORCHXRAYVISION = Layout(
    title="TorchXRayVision's DenseNet-121, one channel",
    sign=r"features\.norm5\.weight",
    uses=_DENSENET,
    classifier=rf"classifier\.{AFFINE}",
    drops={r"op_threshs": "operating points of its scores"},
    neutral=COUNTER,
)

SIMCLR = Layout(
    title="SimCLR's ResNet-50 (1x) as tonylins/simclr-converter writes it",
    prefix=r"state_dict\.",
    sign=r"layer4\.\d+\.conv2\.weight",
    uses=RESNET,
    classifier=rf"state_dict\.fc\.{AFFINE}",
    neutral=COUNTER,
)

RESNET_CHILDREN = Layout(
    title="torchvision's ResNet as the list of its children (nn.Sequential), as lightly's examples keep it",
    sign=r"7\.\d+\.conv2\.weight",
    uses=(
        Use(r"0\.weight", "conv1.weight"),
        Use(rf"1\.({BATCH_NORM})", r"bn1.\1"),
        *(
            Use(rf"{place}\.(\d+\.{inner})", rf"layer{place - 3}.\1")
            for place in (4, 5, 6, 7)
            for inner in (
                rf"(?:conv[123]\.weight|bn[123]\.{BATCH_NORM})",
                rf"downsample\.(?:0\.weight|1\.{BATCH_NORM})",
            )
        ),
    ),
    neutral=COUNTER,
)
