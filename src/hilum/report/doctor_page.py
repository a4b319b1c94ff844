"""The doctor's page: what is wrong and what to do first, then the films themselves, then the counts."""

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
from hilum.report import formats
from hilum.report.doctor_tables import tables

PAGE = "doctor.html"
_SIDE = 176  # pixels of a picture on the page, the longer side
_FILMS_AN_ISSUE, _PAIRS_AN_ISSUE, _ODDEST = 8, 6, 12
_QUALITY = 82

Picture = Callable[[str, str], NDArray[np.uint8] | None]
"""Gives the picture of a film, by the names of its data set and of itself; None where it cannot be read."""


@dataclass(frozen=True)
class Shown:
    """A film on the page.

    Args:
        name: below the picture.
        source: the picture as a data address; empty where it cannot be read.
        told: a few words more.
    """

    name: str
    source: str
    told: str = ""


@dataclass(frozen=True)
class ShownIssue:
    """An issue on the page, with some of its films, or some of its pairs of films."""

    issue: Issue
    films: Sequence[Shown]
    pairs: Sequence[tuple[Shown, Shown]]

    @property
    def films_left(self) -> int:
        """How many films of this issue are not shown."""
        shown = len({film.name for pair in self.pairs for film in pair} or self.films)
        return max(0, len(self.issue.image_ids) - shown)


def write_doctor_page(diagnosis: Diagnosis, picture: Picture, path: Path) -> None:
    """Write one page that needs nothing beside it, whole or not at all.

    Args:
        diagnosis: what was found.
        picture: gives the pictures of the few films that are shown.
        path: of the page.
    """
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    frames = _Frames(picture)
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
    """Pictures as data addresses, each made once."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._made: dict[tuple[str, str], str] = {}

    def __call__(self, data_set: str, image_id: str, told: str = "") -> Shown:
        key = data_set, image_id
        if key not in self._made:
            film = self._picture(data_set, image_id)
            self._made[key] = "" if film is None else _data_address(film)
        return Shown(image_id, self._made[key], told)


def _data_address(film: NDArray[np.uint8]) -> str:
    longer = max(film.shape)
    if longer > _SIDE:
        width, height = (max(1, round(side * _SIDE / longer)) for side in film.shape[::-1])
        film = np.asarray(cv2.resize(film, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    _, content = cv2.imencode(".jpg", film, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()


def _shown(issue: Issue, diagnosis: Diagnosis, frames: _Frames) -> ShownIssue:
    if issue.check.startswith("one picture"):
        ids = list(issue.image_ids)
        copies = diagnosis.copies.filter(
            pl.col("image_id_a").is_in(ids)
            & pl.col("image_id_b").is_in(ids)
            & pl.col("data_set_a").is_in(issue.data_set.split(" and "))
            & pl.col("data_set_b").is_in(issue.data_set.split(" and "))
        )
        pairs = [
            (
                frames(row["data_set_a"], row["image_id_a"], _of_film(row, "a")),
                frames(row["data_set_b"], row["image_id_b"], _of_film(row, "b")),
            )
            for row in copies.head(_PAIRS_AN_ISSUE).iter_rows(named=True)
        ]
        return ShownIssue(issue, (), pairs)
    if any(issue.data_set == data_set.name for data_set in diagnosis.data_sets):
        known = diagnosis.pictures.filter((pl.col("data_set") == issue.data_set) & pl.col("reason").is_null())
        readable = set(known["image_id"])
        chosen = [image_id for image_id in issue.image_ids if image_id in readable][:_FILMS_AN_ISSUE]
        return ShownIssue(issue, [frames(issue.data_set, image_id) for image_id in chosen], ())
    return ShownIssue(issue, (), ())


def _of_film(row: dict[str, object], side: str) -> str:
    parts = [row[f"data_set_{side}"], f"patient {row[f'patient_id_{side}']}", row[f"split_{side}"]]
    return " · ".join(str(part) for part in parts if part is not None)


def _oddest(diagnosis: Diagnosis, frames: _Frames) -> list[Shown]:
    films = diagnosis.pictures.drop_nulls("likeness").sort("likeness", "data_set", "image_id").head(_ODDEST)
    rows = films.select("data_set", "image_id", "likeness").iter_rows()
    return [frames(data_set, image_id, f"{data_set} · {formats.decimal(like)}") for data_set, image_id, like in rows]


def _examined(diagnosis: Diagnosis) -> str:
    parts = [
        f"{one.name} ({one.collection}): {formats.plural(len(one.manifest), 'film')} of "
        f"{formats.plural(one.manifest['patient_id'].n_unique(), 'patient')}"
        for one in diagnosis.data_sets
    ]
    return f"{'; '.join(parts)}. Split: {diagnosis.split}."


def _headline(numbers: Mapping[Severity, int]) -> str:
    if not any(numbers.values()):
        return "Nothing to complain about."
    told = formats.listing([formats.plural(number, name) for name, number in numbers.items() if number])
    ending: Mapping[Severity, str] = {
        "error": "mend the errors before anything is trained.",
        "warning": "no error; look at the warnings before anything is trained.",
        "note": "nothing that stands in the way.",
    }
    worst = next(name for name, number in numbers.items() if number)
    return f"{told}: {ending[worst]}"
