"""Native key layouts by the names of `registry.yaml`."""

from hilum.encoders.published.key_maps import contrastive, torchvision, transformers
from hilum.encoders.published.key_maps.augreg import AUGREG
from hilum.encoders.published.key_maps.convnext import CONVNEXTV2, CONVNEXTV2_SPARSE
from hilum.encoders.published.key_maps.dinov3 import DINOV3, DINOV3_CONVNEXT
from hilum.encoders.published.key_maps.eva_x import EVA_X
from hilum.encoders.published.key_maps.hugging_face import HF_CONVNEXT, HF_DINOV2, HF_DINOV3, HF_DINOV3_CONVNEXT, HF_VIT
from hilum.encoders.published.key_maps.layout import Layout
from hilum.encoders.published.key_maps.timm_names import TIMM

LAYOUTS: dict[str, Layout] = {
    "torchvision": torchvision.RESNET_LAYOUT,
    "torchvision_densenet": torchvision.DENSENET,
    "chexnet": torchvision.CHEXNET,
    "torchxrayvision": torchvision.TORCHXRAYVISION,
    "torchvision_children": torchvision.RESNET_CHILDREN,
    "simclr": torchvision.SIMCLR,
    "moco": contrastive.MOCO,
    "swav": contrastive.SWAV,
    "swav_checkpoint": contrastive.SWAV_CHECKPOINT,
    "dino_resnet": contrastive.DINO_RESNET,
    "dino_resnet_checkpoint": contrastive.DINO_RESNET_CHECKPOINT,
    "dino_vit": transformers.DINO_VIT,
    "dino_vit_checkpoint": transformers.DINO_VIT_CHECKPOINT,
    "mae": transformers.MAE,
    "dinov2": transformers.DINOV2,
    "dinov2_checkpoint": transformers.DINOV2_CHECKPOINT,
    "hf_dinov2": HF_DINOV2,
    "hf_vit": HF_VIT,
    "dinov3": DINOV3,
    "hf_dinov3": HF_DINOV3,
    "dinov3_convnext": DINOV3_CONVNEXT,
    "hf_dinov3_convnext": HF_DINOV3_CONVNEXT,
    "convnextv2": CONVNEXTV2,
    "convnextv2_sparse": CONVNEXTV2_SPARSE,
    "hf_convnext": HF_CONVNEXT,
    "augreg": AUGREG,
    "eva_x": EVA_X,
    "timm": TIMM,
}
