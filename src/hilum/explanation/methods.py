"""Names of heat map methods and the encoders they support; imports no library."""

from typing import Literal, TypeAlias

HeatMapMethod: TypeAlias = Literal["gradcam", "gradcam++", "layercam", "rollout", "attention", "occlusion"]

FOR_NO_FINDING: tuple[HeatMapMethod, ...] = ("rollout", "attention")
"""Methods whose map does not depend on the finding."""

TRANSFORMERS: frozenset[str] = frozenset({"vit", "dinov2", "dinov3", "eva_x", "toh2023_xvt"})
"""Encoder families whose blocks attend to the whole image. Swin attends to windows and has a feature map."""


THRESHOLD = 0.5
"""Fraction of the map's maximum from which a position belongs to a box. Fixed: choosing it needs separate boxes."""
