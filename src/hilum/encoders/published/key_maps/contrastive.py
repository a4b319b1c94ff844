"""Checkpoints of MoCo, SwAV and DINO that hold a ResNet-50.

Definitions: facebookresearch/moco moco/builder.py, facebookresearch/swav src/resnet50.py, facebookresearch/dino
main_dino.py and vision_transformer.py.
"""

from hilum.encoders.published.key_maps.key_patterns import AFFINE, COUNTER, RESNET, TRAINING_STATE
from hilum.encoders.published.key_maps.layout import Layout

_SIGN = r"layer4\.\d+\.conv2\.weight"

MOCO = Layout(
    title="MoCo's checkpoint: query encoder, key encoder and queue",
    prefix=r"state_dict\.module\.encoder_q\.",
    sign=_SIGN,
    uses=RESNET,
    drops={
        rf"state_dict\.module\.encoder_q\.fc\.(?:[02]\.)?{AFFINE}": "MoCo's projection head",
        r"state_dict\.module\.encoder_k\..*": "the momentum copy of the encoder",
        r"state_dict\.module\.queue(?:_ptr)?": "MoCo's queue of negatives",
        **TRAINING_STATE,
    },
    neutral=COUNTER,
)

SWAV = Layout(
    title="SwAV's ResNet-50 with projection head and prototypes",
    prefix=r"module\.",
    sign=_SIGN,
    uses=RESNET,
    drops={
        r"module\.projection_head\..*": "SwAV's projection head",
        r"module\.prototypes\..*": "SwAV's prototypes",
    },
    neutral=COUNTER,
)

SWAV_CHECKPOINT = Layout(
    title="checkpoint of a training run of SwAV",
    prefix=r"state_dict\.module\.",
    sign=_SIGN,
    uses=RESNET,
    drops={
        r"state_dict\.module\.projection_head\..*": "SwAV's projection head",
        r"state_dict\.module\.prototypes\..*": "SwAV's prototypes",
        **TRAINING_STATE,
    },
    neutral=COUNTER,
)

DINO_RESNET = Layout(
    title="DINO's ResNet-50, backbone only",
    sign=_SIGN,
    uses=RESNET,
    drops={rf"fc\.{AFFINE}": "a classifier that DINO does not use"},
    neutral=COUNTER,
)

DINO_DROPS = {
    r"teacher\.(?:module\.)?head\..*": "DINO's projection head",
    r"student\..*": "the student; the teacher is used, as its authors do",
    r"dino_loss\..*": "the centre of DINO's loss",
    **TRAINING_STATE,
}

DINO_RESNET_CHECKPOINT = Layout(
    title="DINO's full checkpoint of a ResNet-50: student and teacher",
    prefix=r"teacher\.(?:module\.)?backbone\.",
    sign=_SIGN,
    uses=RESNET,
    drops={rf"teacher\.(?:module\.)?backbone\.fc\.{AFFINE}": "a classifier that DINO does not use", **DINO_DROPS},
    neutral=COUNTER,
)
