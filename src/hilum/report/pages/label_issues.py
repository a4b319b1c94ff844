"""Page of `hilum label-issues`: the most probable label errors, with their images if available."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import write_text
from hilum.report.page_template import render_template
from hilum.report.render import formats, jpeg, smaller
from hilum.report.sections import agreement_table, noise_table
from hilum.wording import counted

PAGE = "label_issues.html"
_SIDE = 224  # pixels of an image on the page, the longer side

Image = Callable[[str], NDArray[np.uint8] | None]
"""Function that reads an image by its image_id; None if it is missing or cannot be read."""


@dataclass(frozen=True)
class LabelIssue:
    """Flagged label on the page.

    Attributes:
        image_id, patient_id: Image and patient.
        rank: Rank within the finding; 1 is the most probable error.
        label: Given label, "positive" or "negative".
        probability: Predicted probability of the finding.
        source: Image as a data URL; empty for none.
    """

    image_id: str
    patient_id: str
    rank: int
    label: str
    probability: str
    source: str


@dataclass(frozen=True)
class FlaggedFinding:
    """Top flagged labels of one finding, positives first, and the number of all."""

    finding: str
    positives: int
    negatives: int
    top: Sequence[LabelIssue]

    @property
    def left(self) -> int:
        """Number of flagged labels that are not shown."""
        return self.positives + self.negatives - len(self.top)


def write_label_issues_page(
    issues: pl.DataFrame,
    noise: pl.DataFrame,
    agreement: pl.DataFrame | None,
    path: Path,
    *,
    images: str,
    top: int,
    image: Image | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Write a self-contained page, completely or not at all.

    Args:
        issues, noise: Tables of `hilum.evaluation.rank_label_issues`.
        agreement: Table of `hilum.evaluation.google_agreement`; None without adjudicated labels.
        path: Path of the page.
        images: Description of the images: their number, patients and split.
        top: Number of issues shown per finding, for positive and for negative labels each.
        image: Function that reads images; None: the page shows a table without images.
        notes: Further notes, one sentence each.
    """
    flagged = [_flagged(rows, top, image) for rows in _by_finding(issues)]
    tables = [noise_table(noise)] if len(noise) else []
    html = render_template(
        "label_issues.html.j2",
        images=images,
        headline=_headline(noise),
        flagged=flagged,
        with_images=image is not None,
        tables=[*tables, *([] if agreement is None or agreement.is_empty() else [agreement_table(agreement)])],
        notes=notes,
    )
    write_text(path, html)


def _by_finding(issues: pl.DataFrame) -> list[pl.DataFrame]:
    """Split the flagged labels by finding; the finding with the largest fraction of flagged labels first."""
    fraction = {
        str(finding): (-rows["is_label_issue"].mean(), str(finding))  # type: ignore[operator]  # bool: the mean is a number
        for (finding,), rows in issues.group_by("finding", maintain_order=True)
    }
    called = issues.filter(pl.col("is_label_issue"))
    found = [called.filter(pl.col("finding") == finding) for finding in sorted(fraction, key=fraction.__getitem__)]
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
        return f"None of {counted(labels, 'label')} is flagged."
    return (
        f"{flagged:,} of {counted(labels, 'label')} {'is' if flagged == 1 else 'are'} flagged "
        f"({100 * flagged / labels:.1f} %)."
    )
