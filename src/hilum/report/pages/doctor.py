"""Page of `hilum doctor`: issues with their fixes and images, atypical images, counts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import write_text
from hilum.data.doctor import SEVERITIES, Diagnosis, Issue, Severity
from hilum.report.page_template import render_template
from hilum.report.pages.doctor_tables import tables
from hilum.report.render import formats, jpeg, smaller
from hilum.wording import counted

PAGE = "doctor.html"
_SIDE = 176  # pixels of an image on the page, the longer side
_IMAGES_PER_ISSUE, _PAIRS_PER_ISSUE, _ATYPICAL = 8, 6, 12

ReadImage = Callable[[str, str], NDArray[np.uint8] | None]
"""Function that reads an image by the name of its data set and its id; None if it cannot be read."""


@dataclass(frozen=True)
class Shown:
    """Image on the page.

    Args:
        name: Name below the image.
        source: Image as a data URL; empty if it cannot be read.
        message: Further text below the image.
    """

    name: str
    source: str
    message: str = ""


@dataclass(frozen=True)
class ShownIssue:
    """Issue on the page, with some of its images or pairs of images."""

    issue: Issue
    images: Sequence[Shown]
    pairs: Sequence[tuple[Shown, Shown]]

    @property
    def images_left(self) -> int:
        """Number of images of this issue that are not shown."""
        shown = len({image.name for pair in self.pairs for image in pair} or self.images)
        return max(0, len(self.issue.image_ids) - shown)


def write_doctor_page(diagnosis: Diagnosis, read_image: ReadImage, path: Path) -> None:
    """Write a self-contained page, completely or not at all.

    Args:
        diagnosis: Result of the checks.
        read_image: Function that reads the shown images.
        path: Path of the page.
    """
    frames = _Frames(read_image)
    numbers = {severity: sum(issue.severity == severity for issue in diagnosis.issues) for severity in SEVERITIES}
    html = render_template(
        "doctor.html.j2",
        title=formats.listing([data_set.name for data_set in diagnosis.data_sets]),
        examined=_examined(diagnosis),
        headline=_headline(numbers),
        issues=[_shown(issue, diagnosis, frames) for issue in diagnosis.issues],
        atypical=_atypical(diagnosis, frames),
        tables=tables(diagnosis),
        notes=[(one.name, str(note)) for one in diagnosis.data_sets for note in one.notes],
    )
    write_text(path, html)


class _Frames:
    """Cache of images as data URLs."""

    def __init__(self, read_image: ReadImage) -> None:
        self._read_image = read_image
        self._made: dict[tuple[str, str], str] = {}

    def __call__(self, data_set: str, image_id: str, message: str = "") -> Shown:
        key = data_set, image_id
        if key not in self._made:
            image = self._read_image(data_set, image_id)
            self._made[key] = "" if image is None else jpeg(smaller(image, _SIDE))
        return Shown(image_id, self._made[key], message)


def _shown(issue: Issue, diagnosis: Diagnosis, frames: _Frames) -> ShownIssue:
    if issue.pairs_of is not None:
        ids = list(issue.image_ids)
        copies = diagnosis.copies.filter(
            pl.col("image_id_a").is_in(ids)
            & pl.col("image_id_b").is_in(ids)
            & pl.col("data_set_a").is_in(issue.pairs_of)
            & pl.col("data_set_b").is_in(issue.pairs_of)
        )
        pairs = [
            (
                frames(row["data_set_a"], row["image_id_a"], _of_image(row, "a")),
                frames(row["data_set_b"], row["image_id_b"], _of_image(row, "b")),
            )
            for row in copies.head(_PAIRS_PER_ISSUE).iter_rows(named=True)
        ]
        return ShownIssue(issue, (), pairs)
    if any(issue.data_set == data_set.name for data_set in diagnosis.data_sets):
        known = diagnosis.images.filter((pl.col("data_set") == issue.data_set) & pl.col("reason").is_null())
        readable = set(known["image_id"])
        chosen = [image_id for image_id in issue.image_ids if image_id in readable][:_IMAGES_PER_ISSUE]
        return ShownIssue(issue, [frames(issue.data_set, image_id) for image_id in chosen], ())
    return ShownIssue(issue, (), ())


def _of_image(row: dict[str, object], side: str) -> str:
    parts = [row[f"data_set_{side}"], f"patient {row[f'patient_id_{side}']}", row[f"split_{side}"]]
    return " · ".join(str(part) for part in parts if part is not None)


def _atypical(diagnosis: Diagnosis, frames: _Frames) -> list[Shown]:
    images = diagnosis.images.drop_nulls("likeness").sort("likeness", "data_set", "image_id").head(_ATYPICAL)
    rows = images.select("data_set", "image_id", "likeness").iter_rows()
    return [frames(data_set, image_id, f"{data_set} · {formats.decimal(like)}") for data_set, image_id, like in rows]


def _examined(diagnosis: Diagnosis) -> str:
    parts = [
        f"{one.name} ({one.collection}): {counted(len(one.manifest), 'image')} of "
        f"{counted(one.manifest['patient_id'].n_unique(), 'patient')}"
        for one in diagnosis.data_sets
    ]
    return f"{'; '.join(parts)}. Split: {diagnosis.split}."


def _headline(numbers: Mapping[Severity, int]) -> str:
    if not any(numbers.values()):
        return "No issues were found."
    message = formats.listing([counted(number, name) for name, number in numbers.items() if number])
    ending: Mapping[Severity, str] = {
        "error": "fix the errors before anything is trained.",
        "warning": "no errors; check the warnings before anything is trained.",
        "note": "no errors and no warnings.",
    }
    worst = next(name for name, number in numbers.items() if number)
    return f"{message}: {ending[worst]}"
