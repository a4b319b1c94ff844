"""Generated images in the native layout of Kermany's pneumonia set."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.image import render_image
from hilum.phantom.layouts.images import in_proportion, severity, with_severities
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of, permuted_block
from hilum.phantom.population import Image, history

LAYOUT = "kermany"
DRAWN_AS = {"bacteria": ("Pneumonia", "Consolidation"), "virus": ("Pneumonia", "Infiltration"), "NORMAL": ()}
"""Findings of the images of a class: bacteria tend to consolidate a lobe, viruses to spread. (Substitutes.)"""
# every 14 patients; Kaggle's val has no viral ones
_BLOCK = (
    *("train bacteria",) * 4,
    *("train virus",) * 2,
    *("train NORMAL",) * 3,
    *("test bacteria", "test virus", "test NORMAL"),
    *("val bacteria", "val NORMAL"),
)
_MOST_IMAGES = 3
_QUALITY = 95


@dataclass(frozen=True)
class _Child:
    image: Image
    part: str
    kind: str
    patient: str
    name: str

    @property
    def image_id(self) -> str:
        return f"{self.part}/{'NORMAL' if self.kind == 'NORMAL' else 'PNEUMONIA'}/{self.name}"


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as Kaggle distributes Kermany's.

    Files: `chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg`. The images are AP; the patients are older than
    Kermany's, which the files do not show. Person numbers restart in test.
    """
    size, seed = request.size, request.seed
    for part in ("train", "val", "test"):
        for folder in ("NORMAL", "PNEUMONIA"):
            (root / "chest_xray" / part / folder).mkdir(parents=True)
    children = list(islice(_children(seed), request.images))
    ids = {child.image.image_id: child.image_id for child in children}

    def draw(image: Image) -> None:
        pixels = in_proportion(render_image(image, size=size, seed=seed).pixels, image)
        path = root / "chest_xray" / ids[image.image_id]
        cv2.imwrite(str(path), np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])

    request.draw([child.image for child in children], draw)
    return GeneratedDataset(_manifest(children))


def _children(seed: int) -> Iterator[_Child]:
    """Yield AP images, patient after patient, under their names, without end."""
    persons: Counter[str] = Counter()
    numbers: Counter[str] = Counter()
    for patient in count(1):
        images = [image for image in history(seed, patient) if image.view == "AP"][:_MOST_IMAGES]
        if not images:
            continue
        part, kind = permuted_block(seed, LAYOUT, patient, _BLOCK).split()
        numbering = "test" if part == "test" else "train"
        series = "IM" if kind == "NORMAL" else "person"
        persons[f"{numbering} {series}"] += 1
        person = persons[f"{numbering} {series}"]
        for order, image in enumerate(images, start=1):
            if kind == "NORMAL":
                who = f"NORMAL2-IM-{person:04d}" if person % 2 else f"IM-{person:04d}"
                name = f"{who}-0001.jpeg" if order == 1 else f"{who}-0001-{order:04d}.jpeg"
            else:
                numbers[f"{numbering} {kind}"] += 1
                who = f"person{person}"
                name = f"{who}_{kind}_{numbers[f'{numbering} {kind}']}.jpeg"
            shown = dict.fromkeys(DRAWN_AS[kind], severity(seed, LAYOUT, image))
            yield _Child(with_severities(image, shown), part, kind, f"{numbering}-{who}", name)


def _manifest(children: list[_Child]) -> pl.DataFrame:
    rows = [
        {
            "image_id": child.image_id,
            "path": f"chest_xray/{child.image_id}",
            "patient_id": child.patient,
            "view": "AP",
            "split": child.part,
            "Pneumonia": int(child.kind != "NORMAL"),
            "Bacterial Pneumonia": int(child.kind == "bacteria"),
            "Viral Pneumonia": int(child.kind == "virus"),
            NO_FINDING: int(child.kind == "NORMAL"),
        }
        for child in children
    ]
    return manifest_of(rows, list(labelled_by(LAYOUT))).sort("image_id")
