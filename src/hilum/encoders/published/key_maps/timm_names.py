"""timm's own files, with the body's names."""

from hilum.encoders.published.key_maps.key_patterns import AFFINE, COUNTER
from hilum.encoders.published.key_maps.layout import Layout, Use

TIMM = Layout(
    title="timm's own names",
    sign=r"(?:patch_embed|stem|conv1|features)\..+",
    uses=(Use(r"(.+)", r"\1"),),
    classifier=rf"(?:fc|classifier|head|head\.fc)\.{AFFINE}",
    neutral=COUNTER,
)
