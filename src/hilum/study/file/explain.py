"""What a study file may say of heat-maps and of images by likeness."""

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import Field, PositiveInt

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.explanation.methods import FOR_NO_FINDING, TRANSFORMERS, HeatMapMethod
from hilum.study.file.section import Section

MOST_ARMS = 2


class Explanation(Section):
    """Where arms look and what their features hold, on the report's page. The models are those of the first seed."""

    arms: list[str] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ARMS,
        description="One arm, or two to put side by side; the reference arm and the first other one when left out.",
    )
    method: HeatMapMethod = Field(
        "gradcam", description="Of the heat-maps; `rollout` and `attention` for transformers only."
    )
    images: PositiveInt = Field(1, description="Images to show for each finding and rule.")
    candidates: PositiveInt = Field(
        300, description="Test images to choose them from, by lot; images with boxes come on top, all of them."
    )
    embedding: Literal["tsne", "umap", "none"] = Field("tsne", description="How images become points.")
    points: int = Field(2000, ge=0, description="Test images that become points, by lot.")


class _HasEncoder(Protocol):
    @property
    def encoder(self) -> str: ...

    @property
    def features(self) -> object: ...


def check_explanation(explain: Explanation, arms: Mapping[str, _HasEncoder], reference: str | None) -> None:
    """Refuse arms that are not there, and maps that mean nothing for an arm.

    Raises:
        ValueError: in words for the reader of the study file.
    """
    named = explain.arms or []
    missing = [arm for arm in named if arm not in arms]
    if missing:
        raise ValueError(f"arms: {missing[0]!r} is not an arm of this study; known here: {', '.join(arms)}")
    if len(set(named)) < len(named):
        raise ValueError(f"arms: {named[0]!r} stands twice")
    for arm in named:
        if arms[arm].features is not None:
            raise ValueError(f"arms: {arm!r} has features from elsewhere, and no encoder to explain; name others")
    encoded = [name for name, each in arms.items() if each.features is None]
    for arm in explained_arms(explain, encoded, reference) if encoded else []:
        encoder = arms[arm].encoder
        known = ARCHITECTURES.get(encoder)
        if explain.method in FOR_NO_FINDING and known is not None and known.family not in TRANSFORMERS:
            raise ValueError(
                f"method: {explain.method} means nothing for {encoder} of {arm}, which is no transformer; use gradcam"
            )


def explained_arms(explain: Explanation, arms: list[str], reference: str | None) -> list[str]:
    """The one or two arms whose maps are drawn, the reference first.

    Args:
        explain: what the study says.
        arms: of the study, in order.
        reference: the arm that others are compared with; None: the first.
    """
    if explain.arms:
        return explain.arms
    first = reference if reference in arms else arms[0]
    return [first, *(arm for arm in arms if arm != first)][:MOST_ARMS]
