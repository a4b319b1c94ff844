from .base import (
    Method as Method,
)
from .base import (
    Pretext as Pretext,
)
from .base import (
    PretextRun as PretextRun,
)
from .dino import (
    DINO as DINO,
)
from .dino import (
    DINO_METHOD as DINO_METHOD,
)
from .dinov2 import (
    DINOv2 as DINOv2,
)
from .dinov2 import (
    pad_rows as pad_rows,
)
from .fcmae import (
    FCMAE as FCMAE,
)
from .fcmae import (
    DecoderBlock as DecoderBlock,
)
from .fcmae import (
    masked_patch_loss as masked_patch_loss,
)
from .fcmae import (
    patches_of as patches_of,
)
from .mocov2 import (
    MoCoV2 as MoCoV2,
)
from .mocov2 import (
    info_nce as info_nce,
)
from .registry import (
    METHODS as METHODS,
)
from .registry import (
    method_of as method_of,
)
from .settings import (
    METHOD_SETTINGS as METHOD_SETTINGS,
)
from .settings import (
    DINOSettings as DINOSettings,
)
from .settings import (
    DINOv2Settings as DINOv2Settings,
)
from .settings import (
    MethodSettings as MethodSettings,
)
from .settings import (
    method_problems as method_problems,
)
from .settings import (
    method_settings as method_settings,
)
from .simclr import (
    SimCLR as SimCLR,
)
from .swav import (
    SwAV as SwAV,
)
