"""The page of `hilum label-issues`: the labels that a model doubts most, with their images where there are any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

import hilum
from hilum.artifacts import write_text
from hilum.report.render import formats, jpeg, smaller
from hilum.report.sections import agreement_table, noise_table

PAGE = "label_issues.html"
_SIDE = 224  # pixels of an image on the page, the longer side

Image = Callable[[str], NDArray[np.uint8] | None]
"""Gives the image of an image by its image_id; None where there is none, or it cannot be read."""


@dataclass(frozen=True)
class LabelIssue:
    """One flagged label on the page.

    Attributes:
        image_id, patient_id: whose.
        rank: 1 is the most flagged of its finding.
        label: "positive" or "negative", as given.
        probability: what the model says.
        source: the image as a data address; empty where there is none.
    """

    image_id: str
    patient_id: str
    rank: int
    label: str
    probability: str
    source: str


@dataclass(frozen=True)
class FlaggedFinding:
    """The top of one finding, those labelled positive first, and how many there are in all."""

    finding: str
    positives: int
    negatives: int
    top: Sequence[LabelIssue]

    @property
    def left(self) -> int:
        """How many are not shown."""
        return self.positives + self.negatives - len(self.top)


def write_label_issues_page(
    issues: pl.DataFrame,
    noise: pl.DataFrame,
    agreement: pl.DataFrame | None,
    path: Path,
    *,
    judged: str,
    top: int,
    image: Image | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write one page that needs nothing beside it, whole or not at all.

    Args:
        issues, noise: as `hilum.evaluation.rank_label_issues` returns them.
        agreement: as `hilum.evaluation.google_agreement` returns it; None where there are no adjudicated labels.
        path: of the page.
        judged: what the labels are of, in words.
        top: how many issues of each finding are shown of those labelled positive, and of those labelled negative.
        image: gives the images; None where none are at hand, and then there are no frames for them.
        notes: what else must be noted, one sentence each.
    """
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    flagged = [_flagged(rows, top, image) for rows in _by_finding(issues)]
    tables = [noise_table(noise)] if len(noise) else []
    html = room.get_template("label_issues.html.j2").render(
        judged=judged,
        headline=_headline(noise),
        flagged=flagged,
        with_images=image is not None,
        tables=[*tables, *([] if agreement is None or agreement.is_empty() else [agreement_table(agreement)])],
        notes=notes,
        version=hilum.__version__,
    )
    write_text(path, html)


def _by_finding(issues: pl.DataFrame) -> list[pl.DataFrame]:
    """Those called errors, finding by finding; the finding with the largest share of flagged labels first."""
    share = {
        str(finding): (-rows["is_label_issue"].mean(), str(finding))  # type: ignore[operator]  # bool: the mean is a number
        for (finding,), rows in issues.group_by("finding", maintain_order=True)
    }
    called = issues.filter(pl.col("is_label_issue"))
    found = [called.filter(pl.col("finding") == finding) for finding in sorted(share, key=share.__getitem__)]
    return [rows.sort("rank") for rows in found if len(rows)]


def _flagged(rows: pl.DataFrame, top: int, image: Image | None) -> FlaggedFinding:
    sides = [rows.filter(pl.col("label") == label).head(top) for label in (1, 0)]
    shown = [
        LabelIssue(
            row["image_id"],
            row["patient_id"],
            row["rank"],
            "positive" if row["label"] == 1 else "negative",
            formats.decimal(row["probability"]),
            _source(row["image_id"], image),
        )
        for row in pl.concat(sides).to_dicts()
    ]
    positives = int((rows["label"] == 1).sum())
    return FlaggedFinding(rows["finding"][0], positives, len(rows) - positives, shown)


def _source(image_id: str, image: Image | None) -> str:
    pixels = None if image is None else image(image_id)
    return "" if pixels is None else jpeg(smaller(pixels, _SIDE))


def _headline(noise: pl.DataFrame) -> str:
    flagged = sum(int(noise[side].fill_null(0).sum()) for side in ("flagged_positives", "flagged_negatives"))
    labels = int(noise["n"].sum())
    if not flagged:
        return f"Of {labels:,} labels the model doubts none."
    return f"Of {labels:,} labels the model doubts {flagged:,} ({flagged / labels:.1%})."
