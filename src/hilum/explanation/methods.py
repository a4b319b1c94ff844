"""Names of heat-map methods, and for which encoders and findings they mean something; no library behind them."""

from typing import Literal, TypeAlias

HeatMapMethod: TypeAlias = Literal["gradcam", "gradcam++", "layercam", "rollout", "attention", "occlusion"]

FOR_NO_FINDING: tuple[HeatMapMethod, ...] = ("rollout", "attention")
"""Methods whose map is the same for every finding."""

TRANSFORMERS: frozenset[str] = frozenset({"vit", "dinov2", "dinov3", "eva_x", "toh2023_xvt"})
"""Families in which every block attends to the whole image. Swin's windows do not: it ends in a map."""


THRESHOLD = 0.5
"""Of the map's highest value, from which on a place belongs to a box. Fixed: choosing it needs boxes of its own."""
