"""Generated images in the native layout of ChestX-ray14."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from hilum.findings import CHESTXRAY14, NO_FINDING, native
from hilum.phantom.build import generator
from hilum.phantom.image import FRAME, Box, render_image
from hilum.phantom.layouts.writing import GeneratedDataset, Request, box_table, manifest_of
from hilum.phantom.population import Image

ENTRY_HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
"""Header of the NIH's Data_Entry_2017_v2020.csv."""
BOX_HEADER = "Image Index,Finding Label,Bbox [x,y,w,h],,,"
"""Header of the NIH's BBox_List_2017.csv."""
BOXED = CHESTXRAY14[:8]
"""Findings with boxes in the NIH's list: ChestX-ray8, the first release's eight."""
_BOXED_FRACTION = 0.25  # of the findings above; the NIH has boxes on 880 of 112,120 images
_OFFICIAL_BLOCK, _OFFICIAL_TEST = 13, 3  # 3 of 13 patients: 23 %
_CHEXNET_BLOCK = ("train",) * 7 + ("val",) + ("test",) * 2


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as the NIH distributes ChestX-ray14.

    Files: `images/*.png` (8-bit gray), Data_Entry_2017_v2020.csv, BBox_List_2017.csv (in the 1024 frame),
    train_val_list.txt, test_list.txt and chexnet_split/{train,val,test}_list.txt. Both splits are by patient and
    independent.
    """
    size, seed = request.size, request.seed
    population = request.population()
    folder = root / "images"
    folder.mkdir()
    drawn = request.draw(population, lambda image: _write_image(image, size, seed, folder))
    boxes = [(image.image_id, box) for image, on_image in zip(population, drawn, strict=True) for box in on_image]
    _write_tables(root, population, boxes)
    _write_lists(root, population, seed)
    return GeneratedDataset(_manifest(population, seed), _boxes(boxes))


def _write_image(image: Image, size: int, seed: int, folder: Path) -> list[Box]:
    draw = generator(seed, image.image_id, 6)
    chosen = draw.random(len(BOXED)) < _BOXED_FRACTION
    boxed = [name for name, wanted in zip(BOXED, chosen, strict=True) if wanted and name in image.severities]
    rendered = render_image(image, size=size, seed=seed, boxed=boxed)
    cv2.imwrite(str(folder / image.image_id), rendered.pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return rendered.boxes


def _manifest(population: Sequence[Image], seed: int) -> pl.DataFrame:
    rows = [
        {
            "image_id": image.image_id,
            "path": f"images/{image.image_id}",
            "patient_id": str(image.patient),
            "view": image.view,
            "age": float(image.age),
            "sex": image.sex,
            "split": official_list(seed, image.patient),
            "split_chexnet": chexnet_list(seed, image.patient),
            **{finding: int(finding in image.severities) for finding in CHESTXRAY14},
            NO_FINDING: int(not image.severities),
        }
        for image in population
    ]
    return manifest_of(rows, (*CHESTXRAY14, NO_FINDING), ["split_chexnet"])


def _boxes(boxes: Sequence[tuple[str, Box]]) -> pl.DataFrame:
    return box_table(
        (image_id, box.finding, box.x, box.y, box.width, box.height, FRAME, FRAME) for image_id, box in boxes
    )


def _label(image: Image) -> str:
    names = sorted(native(finding, "chestxray14") for finding in image.severities)
    return "|".join(names) or NO_FINDING


def _write_tables(root: Path, population: Sequence[Image], boxes: Sequence[tuple[str, Box]]) -> None:
    entries = [
        f"{image.image_id},{_label(image)},{image.follow_up},{image.patient},{image.age},{image.sex},{image.view},"
        f"{image.width},{image.height},{image.spacing},{image.spacing}"
        for image in population
    ]
    (root / "Data_Entry_2017_v2020.csv").write_text("\n".join([ENTRY_HEADER, *entries]) + "\n", encoding="utf-8")
    rows = []
    for image_id, box in boxes:
        # the NIH's list has Infiltrate instead of Infiltration
        name = "Infiltrate" if box.finding == "Infiltration" else native(box.finding, "chestxray14")
        rows.append(f"{image_id},{name},{box.x:.12g},{box.y:.12g},{box.width:.12g},{box.height:.12g}")
    (root / "BBox_List_2017.csv").write_text("\n".join([BOX_HEADER, *rows]) + "\n", encoding="utf-8")


def _write_lists(root: Path, population: Sequence[Image], seed: int) -> None:
    official = {image.patient: official_list(seed, image.patient) for image in population}
    chexnet = {image.patient: chexnet_list(seed, image.patient) for image in population}
    for split in ("train_val", "test"):
        names = [image.image_id for image in population if official[image.patient] == split]
        (root / f"{split}_list.txt").write_text("\n".join(names), encoding="utf-8")
    folder = root / "chexnet_split"
    folder.mkdir()
    for split in ("train", "val", "test"):
        lines = [
            " ".join([image.image_id, *(str(int(finding in image.severities)) for finding in CHESTXRAY14)])
            for image in population
            if chexnet[image.patient] == split
        ]
        (folder / f"{split}_list.txt").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def official_list(seed: int, patient: int) -> str:
    """Return the official part of a patient: 3 of each run of 13 patients are in test, so that few patients suffice."""
    block, place = divmod(patient - 1, _OFFICIAL_BLOCK)
    order = generator(seed, f"official {block}", 7).permutation(_OFFICIAL_BLOCK)
    return "test" if order[place] < _OFFICIAL_TEST else "train_val"


def chexnet_list(seed: int, patient: int) -> str:
    """Return the CheXNet part of a patient: 7, 1 and 2 of each run of ten."""
    block, place = divmod(patient - 1, len(_CHEXNET_BLOCK))
    order = generator(seed, f"chexnet {block}", 8).permutation(len(_CHEXNET_BLOCK))
    return _CHEXNET_BLOCK[int(np.flatnonzero(order == place)[0])]
