from .block_masks import random_masks as random_masks
from .convnext import (
    VisiblePatches as VisiblePatches,
    check_is_convnext_v2 as check_is_convnext_v2,
    masked_block as masked_block,
    visible_features as visible_features,
)
from .patches import (
    check_sees_patches as check_sees_patches,
    masked_patches as masked_patches,
)
