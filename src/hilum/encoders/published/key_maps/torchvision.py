"""torchvision's networks, and checkpoints of code that trained them.

Definitions: torchvision.models.resnet and .densenet; arnoweng/CheXNet model.py; mlmed/torchxrayvision models.py;
tonylins/simclr-converter convert.py.
"""

from collections.abc import Mapping

from hilum.encoders.published.key_maps.key_patterns import (
    AFFINE,
    BATCH_NORM,
    COUNTER,
    TRAINING_STATE,
    resnet_layout,
    uses,
)
from hilum.encoders.published.key_maps.layout import Layout, Use

_DENSENET = (
    *uses("""
        features.conv0.weight = features.conv0.weight
        features.{norm0,norm5}.% = features.{}.%
        features.transition#.conv.weight = features.transition#.conv.weight
        features.transition#.norm.% = features.transition#.norm.%
    """),
    # torch before 0.4 allowed dots in names: norm.1 is now norm1
    Use(
        rf"features\.(denseblock\d+\.denselayer\d+)\.(conv|norm)\.?([12])\.({BATCH_NORM})",
        r"features.\1.\2\3.\4",
    ),
)


def _densenet_layout(
    title: str, prefix: str = "", *, classifier: str = rf"classifier\.{AFFINE}", drops: Mapping[str, str] | None = None
) -> Layout:
    return Layout(
        title=title,
        prefix=prefix,
        sign=r"features\.norm5\.weight",
        uses=_DENSENET,
        classifier=prefix + classifier,
        drops=drops or {},
        neutral=COUNTER,
    )


RESNET_LAYOUT = resnet_layout("torchvision's ResNet", classifier=rf"fc\.{AFFINE}")
DENSENET = _densenet_layout("torchvision's DenseNet")
CHEXNET = _densenet_layout(
    "arnoweng's CheXNet: DenseNet-121 in a DataParallel, in torchvision's old names",
    r"state_dict\.module\.densenet121\.",
    classifier=rf"classifier\.0\.{AFFINE}",
    drops=TRAINING_STATE,
)
TORCHXRAYVISION = _densenet_layout(
    "TorchXRayVision's DenseNet-121, one channel", drops={r"op_threshs": "operating points of its scores"}
)
SIMCLR = resnet_layout(
    "SimCLR's ResNet-50 (1x) as tonylins/simclr-converter writes it",
    r"state_dict\.",
    classifier=rf"state_dict\.fc\.{AFFINE}",
)

RESNET_CHILDREN = Layout(
    title="torchvision's ResNet as the list of its children (nn.Sequential), as lightly's examples keep it",
    sign=r"7\.\d+\.conv2\.weight",
    uses=(
        *uses("""
            0.weight = conv1.weight
            1.% = bn1.%
        """),
        *(
            rule
            for place in (4, 5, 6, 7)
            for rule in uses(f"""
                {place}.#.{{conv1,conv2,conv3}}.weight = layer{place - 3}.#.{{}}.weight
                {place}.#.{{bn1,bn2,bn3}}.% = layer{place - 3}.#.{{}}.%
                {place}.#.downsample.0.weight = layer{place - 3}.#.downsample.0.weight
                {place}.#.downsample.1.% = layer{place - 3}.#.downsample.1.%
            """)
        ),
    ),
    neutral=COUNTER,
)
