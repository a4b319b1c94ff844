from .base import (
    Method as Method,
    Pretext as Pretext,
    PretextRun as PretextRun,
)
from .dino import (
    DINO as DINO,
    DINO_METHOD as DINO_METHOD,
)
from .dinov2 import (
    DINOv2 as DINOv2,
    pad_rows as pad_rows,
)
from .fcmae import (
    FCMAE as FCMAE,
    DecoderBlock as DecoderBlock,
    masked_patch_loss as masked_patch_loss,
    patches_of as patches_of,
)
from .mocov2 import (
    MoCoV2 as MoCoV2,
    info_nce as info_nce,
)
from .registry import (
    METHODS as METHODS,
    method_of as method_of,
)
from .settings import (
    METHOD_SETTINGS as METHOD_SETTINGS,
    DINOSettings as DINOSettings,
    DINOv2Settings as DINOv2Settings,
    MethodSettings as MethodSettings,
    method_problems as method_problems,
    method_settings as method_settings,
)
from .simclr import SimCLR as SimCLR
from .swav import SwAV as SwAV
