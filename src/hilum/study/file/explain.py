"""Schema of heat maps and feature embeddings."""

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import Field, PositiveInt

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.explanation.methods import FOR_NO_FINDING, TRANSFORMERS, HeatMapMethod
from hilum.study.file.section import Section

MOST_ARMS = 2


class Explanation(Section):
    """Heat maps and feature embeddings in the report, computed with the models of the first seed."""

    arms: list[str] | None = Field(
        None,
        min_length=1,
        max_length=MOST_ARMS,
        description="One arm, or two shown side by side. Default: the reference arm and the first other arm.",
    )
    method: HeatMapMethod = Field(
        "gradcam", description="Heat map method; `rollout` and `attention` require a transformer."
    )
    images: PositiveInt = Field(1, description="Images per finding and selection rule.")
    candidates: PositiveInt = Field(
        300, description="Randomly drawn test images to select from; all images with boxes are added."
    )
    embedding: Literal["tsne", "umap", "none"] = Field("tsne", description="Two-dimensional embedding of the features.")
    points: int = Field(2000, ge=0, description="Randomly drawn test images in the embedding.")


class _HasEncoder(Protocol):
    @property
    def encoder(self) -> str: ...

    @property
    def features(self) -> object: ...


def check_explanation(explain: Explanation, arms: Mapping[str, _HasEncoder], reference: str | None) -> None:
    """Refuse unknown arms, and heat map methods that an architecture does not support.

    Raises:
        ValueError: An arm or the method is invalid.
    """
    named = explain.arms or []
    missing = [arm for arm in named if arm not in arms]
    if missing:
        raise ValueError(f"arms: {missing[0]!r} is not an arm of this study; arms: {', '.join(arms)}")
    if len(set(named)) < len(named):
        raise ValueError(f"arms: {named[0]!r} is listed twice")
    for arm in named:
        if arms[arm].features is not None:
            raise ValueError(f"arms: {arm!r} has precomputed features and no encoder to explain; choose another arm")
    encoded = [name for name, each in arms.items() if each.features is None]
    for arm in explained_arms(explain, encoded, reference) if encoded else []:
        encoder = arms[arm].encoder
        known = ARCHITECTURES.get(encoder)
        if explain.method in FOR_NO_FINDING and known is not None and known.family not in TRANSFORMERS:
            raise ValueError(
                f"method: {explain.method} requires a transformer, and {encoder} of {arm} is not one; use gradcam"
            )


def explained_arms(explain: Explanation, arms: list[str], reference: str | None) -> list[str]:
    """Return the one or two arms with heat maps, the reference arm first.

    Args:
        explain: Section of the study file.
        arms: Names of the study's arms, in order.
        reference: Name of the reference arm; None: the first.
    """
    if explain.arms:
        return explain.arms
    first = reference if reference in arms else arms[0]
    return [first, *(arm for arm in arms if arm != first)][:MOST_ARMS]
