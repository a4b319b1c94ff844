"""Generated bedside images in the format of UKA-CXR: graded by severity, and by side."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from pathlib import Path

import cv2
import polars as pl

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.image import FRAME, Box, render_image
from hilum.phantom.layouts.images import in_proportion
from hilum.phantom.layouts.writing import GeneratedDataset, Request, draws, manifest_of, permuted_block
from hilum.phantom.population import Image, history

_NAMES = {finding: name for finding, name in labelled_by("uka_cxr").items() if finding != NO_FINDING}
GRADED = tuple(_NAMES.values())
HEADER = ("image_id", "path", "patient_id", "study_id", "age", "sex", "split", "view", *GRADED, "healthy")
"""Header of uka_cxr.csv, as described in hilum/data/collections/uka_cxr.py."""
# finding on the image, and index of its right side
_BY_SIDE = {"Pleural Effusion": 2, "Pneumonia": 4, "Atelectasis": 6}
_WORDS = ("negative", "uncertain mild", "mild", "moderate", "severe")
_HEART_WORDS = {0: "normal", 2: "borderline", 3: "enlarged", 4: "massively enlarged"}
_STEPS = (0.2, 0.4, 0.65)  # lowest severities of mild, moderate, severe
_BLANK_FRACTION = 0.04
_POSITIVE = 3
_PARTS = ("train",) * 4 + ("test",)


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images in the format of UKA-CXR.

    Files: uka_cxr.csv and `images/*.png`. All images are AP. Grades follow the severity of the finding. Congestion is
    the phantom's Edema. Sides are those of a box around the finding; a finding too faint for a box is negative on both
    sides. About four percent of the grades are blank.
    """
    size, seed = request.size, request.seed
    population = list(islice(_bedside(seed, request.min_prevalence), request.images))
    (root / "images").mkdir()

    def draw(image: Image) -> list[Box]:
        boxed = [finding for finding in _BY_SIDE if finding in image.severities]
        rendered = render_image(image, size=size, seed=seed, boxed=boxed)
        cv2.imwrite(str(root / "images" / image.image_id), in_proportion(rendered.pixels, image))
        return rendered.boxes

    drawn = request.draw(population, draw)
    rows = [_row(image, grades_of(image, boxes, seed), seed) for image, boxes in zip(population, drawn, strict=True)]
    lines = [",".join(HEADER), *(",".join(_cell(name, row[name]) for name in HEADER) for row in rows)]
    (root / "uka_cxr.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return GeneratedDataset(_manifest(rows), grades=_grade_table(rows))


def _bedside(seed: int, min_prevalence: float) -> Iterator[Image]:
    for patient in count(1):
        yield from (image for image in history(seed, patient, min_prevalence=min_prevalence) if image.view == "AP")


def grades_of(image: Image, boxes: Sequence[Box], seed: int) -> list[int | None]:
    """Return the grade of each of `GRADED` for an image with these boxes, or None for a blank."""
    grades: list[int | None] = [_step(image.severities.get(finding)) for finding in ("Cardiomegaly", "Edema")]
    grades = [_without_uncertain(grades[0]), grades[1], *[0] * 6]
    for box in boxes:
        for left in sides(box):
            grades[_BY_SIDE[box.finding] + left] = _step(image.severities[box.finding])
    blank = draws(seed, "uka_cxr", image.image_id).random(len(grades)) < _BLANK_FRACTION
    return [None if missing else grade for grade, missing in zip(grades, blank, strict=True)]


def sides(box: Box) -> list[bool]:
    """Return for each side with at least a quarter of the box if it is left; the patient's left is on the right."""
    right = (FRAME / 2 - box.x) / box.width
    return [left for left, part in ((False, right), (True, 1 - right)) if part >= 0.25]


def _step(severity: float | None) -> int:
    return 0 if severity is None else 1 + sum(severity >= least for least in _STEPS)


def _without_uncertain(grade: int | None) -> int | None:
    """Map grade 1 to 0: the scale of the heart has no uncertain step."""
    return 0 if grade == 1 else grade


def _row(image: Image, grades: Sequence[int | None], seed: int) -> dict[str, object]:
    return {
        "image_id": image.image_id.removesuffix(".png"),
        "path": f"images/{image.image_id}",
        "patient_id": f"P{image.patient:05d}",
        "study_id": f"P{image.patient:05d}-{image.follow_up}",
        "age": image.age,
        "sex": image.sex,
        "split": permuted_block(seed, "uka_cxr", image.patient, _PARTS),
        "view": "AP",
        **dict(zip(GRADED, grades, strict=True)),
        "healthy": int(not any(grades)),
    }


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in GRADED and isinstance(value, int):
        return _HEART_WORDS[value] if name == "cardiomegaly" else _WORDS[value]
    return str(value)


def _manifest(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    images = [
        {name: row[name] for name in HEADER[: -len(GRADED) - 1]}
        | {"age": float(str(row["age"])), NO_FINDING: row["healthy"]}
        | {finding: _is_positive(row[name]) for finding, name in _NAMES.items()}
        for row in rows
    ]
    return manifest_of(images, (*_NAMES, NO_FINDING))


def _is_positive(grade: object) -> int | None:
    return int(grade >= _POSITIVE) if isinstance(grade, int) else None


def _grade_table(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    graded = [
        (row["image_id"], finding, row[name])
        for finding, name in _NAMES.items()
        for row in rows
        if row[name] is not None
    ]
    return pl.DataFrame(graded, {"image_id": pl.String, "finding": pl.String, "grade": pl.Int8}, orient="row")
