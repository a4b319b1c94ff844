"""Generated images in the native layout of TBX11K."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import polars as pl

from hilum.findings import NO_FINDING, labelled_by
from hilum.phantom.image import FRAME, Box, render_image
from hilum.phantom.layouts.images import one_image_per_patient, severity, with_severities
from hilum.phantom.layouts.writing import GeneratedDataset, Request, box_table, manifest_of, permuted_block
from hilum.phantom.population import Image

LAYOUT = "tbx11k"
DRAWN_AS = {"Active Tuberculosis": "Consolidation", "Latent Tuberculosis": "Fibrosis"}
"""Substitutes for tuberculosis, which the phantom cannot render: a consolidation for active, scars for latent."""
_CATEGORY = {"Active Tuberculosis": 1, "Latent Tuberculosis": 2}
_SHOWN = {"active": ("Active Tuberculosis",), "latent": ("Latent Tuberculosis",), "both": tuple(DRAWN_AS)}
_BLOCK = (
    *("train health", "train sick") * 3,
    *("train active", "train active", "train latent", "train both"),
    *("val health", "val sick", "val active", "val latent"),
    *("test health", "test sick", "test active"),
)
_EMPTY = {"date_captured": "", "license": 1, "coco_url": "", "flickr_url": ""}


@dataclass(frozen=True)
class _Person:
    image: Image
    part: str
    kind: str
    image_id: str

    @property
    def has_tuberculosis(self) -> bool:
        return self.part != "test" and self.kind in _SHOWN


@dataclass(frozen=True)
class _Drawn:
    """Image and boxes of its tuberculosis, in pixels of its file."""

    person: _Person
    boxes: Sequence[Box]


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as TBX11K is distributed.

    Files: imgs/{health,sick,tb,test}/*.png (gray in three channels), lists/*.txt, annotations/json/*.json (COCO) and
    annotations/xml/*.xml (of images of tb). Every image is of another patient.
    """
    size, seed = request.size, request.seed
    for folder in ("health", "sick", "tb", "test"):
        (root / "imgs" / folder).mkdir(parents=True)
    people = list(islice(_people(seed), request.images))
    of_image = {person.image.image_id: person for person in people}
    drawn = request.draw(
        [person.image for person in people], lambda image: _draw(of_image[image.image_id], size, seed, root / "imgs")
    )
    _write_lists(root / "lists", people)
    _write_boxes(root / "annotations", drawn, size)
    return GeneratedDataset(_manifest(drawn), _boxes(drawn, size))


def _people(seed: int) -> Iterator[_Person]:
    numbers: Counter[str] = Counter()
    for place, image in zip(count(1), one_image_per_patient(seed, "PA"), strict=False):
        part, kind = permuted_block(seed, LAYOUT, place, _BLOCK).split()
        folder = "test" if part == "test" else kind if kind in ("health", "sick") else "tb"
        numbers[folder] += 1
        image_id = f"{folder}/{'tb' if folder == 'tb' else folder[0]}{numbers[folder]:04d}.png"
        others = {name: faint for name, faint in image.severities.items() if name not in DRAWN_AS.values()}
        shown = dict.fromkeys((DRAWN_AS[name] for name in _SHOWN.get(kind, ())), severity(seed, LAYOUT, image, 0.5))
        if kind == "sick":
            shown = others or {"Cardiomegaly": severity(seed, LAYOUT, image, 0.5)}
        yield _Person(with_severities(image, shown), part, kind, image_id)


def _draw(person: _Person, size: int, seed: int, folder: Path) -> _Drawn:
    wanted = {DRAWN_AS[name]: name for name in _SHOWN.get(person.kind, ())}
    rendered = render_image(person.image, size=size, seed=seed, boxed=list(wanted))
    cv2.imwrite(str(folder / person.image_id), cv2.merge([rendered.pixels] * 3), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    unit = size / FRAME
    boxes = [
        Box(wanted[box.finding], box.x * unit, box.y * unit, box.width * unit, box.height * unit)
        for box in rendered.boxes
    ]
    return _Drawn(person, boxes if person.part != "test" else [])


def _write_lists(folder: Path, people: Sequence[_Person]) -> None:
    folder.mkdir()
    of_part = {part: [person.image_id for person in people if person.part == part] for part in ("train", "val", "test")}
    of_part["trainval"] = of_part["train"] + of_part["val"]
    for name, listed in of_part.items():
        text = "".join(f"{image_id}\n" for image_id in listed)
        (folder / f"all_{name}.txt").write_text(text, encoding="utf-8")
        if name != "test":
            (folder / f"TBX11K_{name}.txt").write_text(text, encoding="utf-8")


def _write_boxes(folder: Path, drawn: Sequence[_Drawn], size: int) -> None:
    (folder / "json").mkdir(parents=True)
    (folder / "xml").mkdir()
    for name, parts in (("train", ["train"]), ("val", ["val"]), ("trainval", ["train", "val"])):
        listed = [image for image in drawn if image.person.part in parts]
        (folder / "json" / f"TBX11K_{name}.json").write_text(json.dumps(_coco(listed, size)), encoding="utf-8")
    for image in drawn:
        if image.person.has_tuberculosis:
            path = folder / "xml" / f"{Path(image.person.image_id).stem}.xml"
            ElementTree.ElementTree(_voc(image, size)).write(path, encoding="utf-8")


def _coco(drawn: Sequence[_Drawn], size: int) -> dict[str, list[dict[str, Any]]]:
    names = {**labelled_by(LAYOUT), "Tuberculosis": "PulmonaryTuberculosis"}
    categories = [
        {"id": number, "name": names[finding], "supercategory": "Tuberculosis"}
        for finding, number in {**_CATEGORY, "Tuberculosis": 3}.items()
    ]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, image in enumerate(drawn, start=1):
        images.append({"id": number, "file_name": image.person.image_id, "width": size, "height": size, **_EMPTY})
        for box in image.boxes:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": _CATEGORY[box.finding],
                    "iscrowd": 0,
                    "area": round(box.width * box.height),
                    "bbox": [box.x, box.y, box.width, box.height],
                    "width": size,
                    "height": size,
                }
            )
    return {"categories": categories, "images": images, "annotations": annotations}


def _voc(image: _Drawn, size: int) -> ElementTree.Element:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = image.person.image_id
    shape = ElementTree.SubElement(root, "size")
    for name, pixels in (("width", size), ("height", size), ("depth", 3)):
        ElementTree.SubElement(shape, name).text = str(pixels)
    for box in image.boxes:
        found = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(found, "name").text = labelled_by(LAYOUT)[box.finding]
        place = ElementTree.SubElement(found, "bndbox")
        corners = (box.x, box.y, box.x + box.width, box.y + box.height)
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            ElementTree.SubElement(place, name).text = str(value)
    return root


def _manifest(drawn: Sequence[_Drawn]) -> pl.DataFrame:
    rows = []
    for image in drawn:
        person, boxed = image.person, {box.finding for box in image.boxes}
        ill = person.has_tuberculosis
        row: dict[str, object] = {
            "image_id": person.image_id,
            "path": f"imgs/{person.image_id}",
            "patient_id": person.image_id,
            "split": person.part,
        }
        if person.part != "test":
            row |= {"Tuberculosis": int(ill), NO_FINDING: int(person.kind == "health")}
            row |= {} if ill else {"Other Disease": int(person.kind == "sick")}
            # The kind of an image of tb without any box is unknown.
            row |= {finding: int(finding in boxed) for finding in DRAWN_AS} if boxed or not ill else {}
        rows.append(row)
    return manifest_of(rows, list(labelled_by(LAYOUT))).sort("image_id")


def _boxes(drawn: Sequence[_Drawn], size: int) -> pl.DataFrame:
    return box_table(
        (image.person.image_id, box.finding, box.x, box.y, box.width, box.height, size, size)
        for image in drawn
        for box in image.boxes
    )
