"""Generated images as a folder of own images with a table of labels."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import polars as pl

from hilum.data.manifest import FIXED_COLUMNS
from hilum.findings import CHESTXRAY14, NO_FINDING
from hilum.phantom.image import render_image
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of
from hilum.phantom.population import Image

LABELS = "labels.csv"
"""Table of labels in the folder."""


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as hospitals have them: one folder of images with a table of labels.

    Files: `*.png` (8-bit gray) and `labels.csv` with the columns path, patient_id, view, age, sex, and 1 or 0 for each
    finding. There is no split.
    """
    size, seed = request.size, request.seed
    population = request.population()
    request.draw(population, lambda image: _write_image(image, size, seed, root))
    manifest = _manifest(population)
    columns = ["path", "patient_id", "view", "age", "sex", *CHESTXRAY14, NO_FINDING]
    manifest.select(columns).write_csv(root / LABELS)
    return GeneratedDataset(manifest)


def _write_image(image: Image, size: int, seed: int, folder: Path) -> None:
    pixels = render_image(image, size=size, seed=seed).pixels
    cv2.imwrite(str(folder / image.image_id), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def _manifest(population: Sequence[Image]) -> pl.DataFrame:
    rows = [
        {
            "image_id": image.image_id,
            "path": image.image_id,
            "patient_id": str(image.patient),
            "view": image.view,
            "age": float(image.age),
            "sex": image.sex,
            **{finding: int(finding in image.severities) for finding in CHESTXRAY14},
            NO_FINDING: int(not image.severities),
        }
        for image in population
    ]
    made = manifest_of(rows, (*CHESTXRAY14, NO_FINDING))
    known = [pl.lit(True).alias(name) for name in ("labelled", "patient_known")]
    return made.select(*FIXED_COLUMNS, *known, *CHESTXRAY14, NO_FINDING)
