"""Generated films in the layout of VinBigData's challenge on Kaggle, so that the same reader takes both."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from hilum.data.phantom.film import Box
from hilum.data.phantom.layouts.vindr_films import (
    DrawnFilm,
    Read,
    Reading,
    box_truth,
    chosen_films,
    codes,
    draw_film,
    reading_truth,
    readings,
    together,
)
from hilum.data.phantom.layouts.writing import Written, draw_films, manifest_of, new_data_set
from hilum.findings import NO_FINDING, labelled_by
from hilum.progress import ProgressReport, silent

HEADER = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"
"""First line of Kaggle's train.csv; class ids follow the order of `hilum.findings.labelled_by`."""


def write(
    root: Path,
    *,
    images: int,
    size: int,
    seed: int,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> Written:
    """Write generated films as Kaggle distributes VinBigData's; whole or not at all. See `Writer`.

    The films, readers and names are those of the layout vindr_cxr of the same seed; of their readings the table holds
    the boxes of 14 findings, in whole pixels, and of the test films nothing.
    """
    with new_data_set(root, images=images, size=size, seed=seed) as beside:
        for folder in ("train", "test"):
            (beside / folder).mkdir()
        films = chosen_films(seed, images)
        drawn = draw_films(
            films, lambda film: draw_film(film, size, seed, beside), workers=workers, on_progress=on_progress
        )
        train = [
            (film, [_boxed(reading, film) for reading in readings(film, seed)])
            for film in drawn
            if film.part == "train"
        ]
        test = sorted((film for film in drawn if film.part == "test"), key=lambda film: film.image_id)
        _write_tables(beside, train, test)
    return Written(_manifest(train, test), box_truth(train), reading_truth(train, "vinbigdata"))


def _boxed(reading: Reading, film: DrawnFilm) -> Reading:
    """What is left of a reading in this table: boxes of its findings, in whole pixels."""
    seen = {
        finding: [_whole(box, film) for box in boxes]
        for finding, boxes in reading.seen.items()
        if boxes and finding in labelled_by("vinbigdata")
    }
    return replace(reading, seen=seen)


def _whole(box: Box, film: DrawnFilm) -> Box:
    left, top = math.floor(box.x), math.floor(box.y)
    right, bottom = min(math.ceil(box.x + box.width), film.columns), min(math.ceil(box.y + box.height), film.rows)
    return Box(box.finding, float(left), float(top), float(right - left), float(bottom - top))


def _write_tables(root: Path, train: Read, test: Sequence[DrawnFilm]) -> None:
    names = labelled_by("vinbigdata")
    ids = {finding: number for number, finding in enumerate(names)}
    lines = [HEADER]
    for film, said in train:
        for reading in said:
            for box in (box for boxes in reading.seen.values() for box in boxes):
                corners = f"{box.x:.0f},{box.y:.0f},{box.x + box.width:.0f},{box.y + box.height:.0f}"
                what = f"{names[box.finding]},{ids[box.finding]}"
                lines.append(f"{film.image_id},{what},{reading.reader},{corners}")
            if not reading.seen:
                lines.append(f"{film.image_id},{names[NO_FINDING]},{ids[NO_FINDING]},{reading.reader},,,,")
    (root / "train.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = ["image_id,PredictionString", *(f"{film.image_id},14 1 0 0 1 1" for film in test)]
    (root / "sample_submission.csv").write_text("\n".join(expected) + "\n", encoding="utf-8")


def _manifest(train: Read, test: Sequence[DrawnFilm]) -> pl.DataFrame:
    read = [(film, together([codes(reading, "vinbigdata") for reading in said])) for film, said in train]
    rows = [
        {
            "image_id": film.image_id,
            "path": f"{film.part}/{film.image_id}.dicom",
            "patient_id": film.image_id,
            "view": "PA",
            "age": float(film.film.age),
            "sex": film.film.sex,
            "split": film.part,
            **labels,
        }
        for film, labels in [*read, *((film, {}) for film in test)]
    ]
    return manifest_of(rows, list(labelled_by("vinbigdata")))
