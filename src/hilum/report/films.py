"""Films that a page shows: as points of an embedding, or one by one with heat-maps and boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from numpy import floating, uint8
from numpy.typing import NDArray

UNCLASSED = "in no class"
"""Label of films that a way to put films into classes leaves out; they are drawn gray, and named last."""


RULES_IN_WORDS = {
    "found": "positive, and among the highest of every model",
    "most confident": "positive, and the highest of the model that gives it least",
    "missed": "positive, and the lowest of the model that gives it most",
    "false alarm": "negative, and the highest of the model that gives it least",
    "by lot": "positive, drawn by lot",
}
"""What `hilum.explain.selection.RULES` chose a film for."""


@dataclass(frozen=True)
class Embedding:
    """Films as points of a plane, near where a model takes them for alike.

    Args:
        method: "t-SNE", "UMAP".
        about: whose features they are and what the picture can be trusted with (silhouette, k-NN purity); a sentence
            each.
        points: `image_id, x, y, label` (one class a film; null: `UNCLASSED`), one row a film. `thumbnail` where films
            are shown: an encoded picture (JPEG, PNG or WebP bytes; null where there is none).
        classes: name of the way in which films have classes, where there are several pictures of one method.
        arm: whose features they are, where there are several.
    """

    method: str
    about: Sequence[str]
    points: pl.DataFrame
    classes: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Box:
    """Where a finding was drawn, as fractions of the film's sides, 0 to 1, from the upper left corner."""

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Case:
    """One film of the case browser. Labels and scores are taken from `ReportContent.predictions`.

    Args:
        image_id: as in the predictions.
        film: (H, W), 0 to 255.
        heat: by arm and finding a map of any resolution, (h, w), at least 0; it is scaled to its own maximum.
        boxes: drawn by people.
        about: a few words: view, age, where it comes from.
        chosen: by finding the rule that chose this film to be looked at (`hilum.explain.selection.RULES`).
    """

    image_id: str
    film: NDArray[uint8]
    heat: Mapping[tuple[str, str], NDArray[floating]] = field(default_factory=dict)
    boxes: Sequence[Box] = ()
    about: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
