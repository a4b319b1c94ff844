"""The doctor's page: what is wrong and what to do first, then the images themselves, then the counts."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

import hilum
from hilum.artifacts import write_text
from hilum.data.doctor import SEVERITIES, Diagnosis, Issue, Severity
from hilum.report.pages.doctor_tables import tables
from hilum.report.render import formats

PAGE = "doctor.html"
_SIDE = 176  # pixels of an image on the page, the longer side
_IMAGES_AN_ISSUE, _PAIRS_AN_ISSUE, _ODDEST = 8, 6, 12
_QUALITY = 82

Image = Callable[[str, str], NDArray[np.uint8] | None]
"""Gives the image of an image, by the names of its data set and of itself; None where it cannot be read."""


@dataclass(frozen=True)
class Shown:
    """An image on the page.

    Args:
        name: below the image.
        source: the image as a data address; empty where it cannot be read.
        message: a few words more.
    """

    name: str
    source: str
    message: str = ""


@dataclass(frozen=True)
class ShownIssue:
    """An issue on the page, with some of its images, or some of its pairs of images."""

    issue: Issue
    images: Sequence[Shown]
    pairs: Sequence[tuple[Shown, Shown]]

    @property
    def images_left(self) -> int:
        """How many images of this issue are not shown."""
        shown = len({image.name for pair in self.pairs for image in pair} or self.images)
        return max(0, len(self.issue.image_ids) - shown)


def write_doctor_page(diagnosis: Diagnosis, canvas: Image, path: Path) -> None:
    """Write one page that needs nothing beside it, whole or not at all.

    Args:
        diagnosis: what was found.
        image: gives the images of the few images that are shown.
        path: of the page.
    """
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    frames = _Frames(canvas)
    numbers = {severity: sum(issue.severity == severity for issue in diagnosis.issues) for severity in SEVERITIES}
    html = room.get_template("doctor.html.j2").render(
        title=formats.listing([data_set.name for data_set in diagnosis.data_sets]),
        examined=_examined(diagnosis),
        headline=_headline(numbers),
        issues=[_shown(issue, diagnosis, frames) for issue in diagnosis.issues],
        oddest=_oddest(diagnosis, frames),
        tables=tables(diagnosis),
        notes=[(one.name, note) for one in diagnosis.data_sets for note in one.notes],
        version=hilum.__version__,
    )
    write_text(path, html)


class _Frames:
    """Images as data addresses, each made once."""

    def __init__(self, canvas: Image) -> None:
        self._image = canvas
        self._made: dict[tuple[str, str], str] = {}

    def __call__(self, data_set: str, image_id: str, message: str = "") -> Shown:
        key = data_set, image_id
        if key not in self._made:
            image = self._image(data_set, image_id)
            self._made[key] = "" if image is None else _data_address(image)
        return Shown(image_id, self._made[key], message)


def _data_address(image: NDArray[np.uint8]) -> str:
    longer = max(image.shape)
    if longer > _SIDE:
        width, height = (max(1, round(side * _SIDE / longer)) for side in image.shape[::-1])
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()


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
            for row in copies.head(_PAIRS_AN_ISSUE).iter_rows(named=True)
        ]
        return ShownIssue(issue, (), pairs)
    if any(issue.data_set == data_set.name for data_set in diagnosis.data_sets):
        known = diagnosis.images.filter((pl.col("data_set") == issue.data_set) & pl.col("reason").is_null())
        readable = set(known["image_id"])
        chosen = [image_id for image_id in issue.image_ids if image_id in readable][:_IMAGES_AN_ISSUE]
        return ShownIssue(issue, [frames(issue.data_set, image_id) for image_id in chosen], ())
    return ShownIssue(issue, (), ())


def _of_image(row: dict[str, object], side: str) -> str:
    parts = [row[f"data_set_{side}"], f"patient {row[f'patient_id_{side}']}", row[f"split_{side}"]]
    return " · ".join(str(part) for part in parts if part is not None)


def _oddest(diagnosis: Diagnosis, frames: _Frames) -> list[Shown]:
    images = diagnosis.images.drop_nulls("likeness").sort("likeness", "data_set", "image_id").head(_ODDEST)
    rows = images.select("data_set", "image_id", "likeness").iter_rows()
    return [frames(data_set, image_id, f"{data_set} · {formats.decimal(like)}") for data_set, image_id, like in rows]


def _examined(diagnosis: Diagnosis) -> str:
    parts = [
        f"{one.name} ({one.collection}): {formats.plural(len(one.manifest), 'image')} of "
        f"{formats.plural(one.manifest['patient_id'].n_unique(), 'patient')}"
        for one in diagnosis.data_sets
    ]
    return f"{'; '.join(parts)}. Split: {diagnosis.split}."


def _headline(numbers: Mapping[Severity, int]) -> str:
    if not any(numbers.values()):
        return "Nothing to complain about."
    message = formats.listing([formats.plural(number, name) for name, number in numbers.items() if number])
    ending: Mapping[Severity, str] = {
        "error": "fix the errors before anything is trained.",
        "warning": "no error; look at the warnings before anything is trained.",
        "note": "nothing that stands in the way.",
    }
    worst = next(name for name, number in numbers.items() if number)
    return f"{message}: {ending[worst]}"
