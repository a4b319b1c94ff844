"""Checkpoints of MoCo, SwAV and DINO with a ResNet-50.

Definitions: facebookresearch/moco moco/builder.py, facebookresearch/swav src/resnet50.py, facebookresearch/dino
main_dino.py and vision_transformer.py.
"""

from hilum.encoders.published.key_maps.key_patterns import AFFINE, TRAINING_STATE, resnet_layout

MOCO = resnet_layout(
    "MoCo's checkpoint: query encoder, key encoder and queue",
    r"state_dict\.module\.encoder_q\.",
    drops={
        rf"state_dict\.module\.encoder_q\.fc\.(?:[02]\.)?{AFFINE}": "MoCo's projection head",
        r"state_dict\.module\.encoder_k\..*": "the momentum copy of the encoder",
        r"state_dict\.module\.queue(?:_ptr)?": "MoCo's queue of negatives",
        **TRAINING_STATE,
    },
)


def _swav_drops(prefix: str) -> dict[str, str]:
    return {
        rf"{prefix}projection_head\..*": "SwAV's projection head",
        rf"{prefix}prototypes\..*": "SwAV's prototypes",
    }


SWAV = resnet_layout(
    "SwAV's ResNet-50 with projection head and prototypes", r"module\.", drops=_swav_drops(r"module\.")
)

SWAV_CHECKPOINT = resnet_layout(
    "checkpoint of a training run of SwAV",
    r"state_dict\.module\.",
    drops={**_swav_drops(r"state_dict\.module\."), **TRAINING_STATE},
)

_UNUSED_CLASSIFIER = "a classifier that DINO does not use"
DINO_TEACHER = r"teacher\.(?:module\.)?backbone\."
DINO_DROPS = {
    r"teacher\.(?:module\.)?head\..*": "DINO's projection head",
    r"student\..*": "the student; the teacher is used, as its authors do",
    r"dino_loss\..*": "the centre of DINO's loss",
    **TRAINING_STATE,
}

DINO_RESNET = resnet_layout("DINO's ResNet-50, backbone only", drops={rf"fc\.{AFFINE}": _UNUSED_CLASSIFIER})

DINO_RESNET_CHECKPOINT = resnet_layout(
    "DINO's full checkpoint of a ResNet-50: student and teacher",
    DINO_TEACHER,
    drops={rf"{DINO_TEACHER}fc\.{AFFINE}": _UNUSED_CLASSIFIER, **DINO_DROPS},
)
