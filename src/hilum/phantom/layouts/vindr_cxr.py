"""Generated images in the native layout of VinDr-CXR on PhysioNet."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from hilum.findings import labelled_by
from hilum.phantom.image import Box
from hilum.phantom.layouts.vindr_images import (
    Read,
    box_truth,
    chosen_images,
    codes,
    consensus,
    draw_image,
    reading_truth,
    readings,
    together,
)
from hilum.phantom.layouts.writing import GeneratedDataset, Request, manifest_of

NATIVE_COLUMNS: tuple[str, ...] = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture", "Consolidation"),
    *("Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst"),
    *("Mediastinal shift", "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax"),
    *("Pulmonary fibrosis", "Rib fracture", "Other lesion", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis"),
    *("Other diseases", "No finding"),
)
"""Label columns of image_labels_train.csv; that of the test images has "Other disease"."""
_CORNERS = "x_min,y_min,x_max,y_max"


def write(root: Path, request: Request) -> GeneratedDataset:
    """Write generated images as PhysioNet distributes VinDr-CXR.

    Files: `{train,test}/*.dicom` and annotations/{image_labels,annotations}_{train,test}.csv. Each image is of another
    patient. Three readers read each training image independently and may miss faint findings; the test images' tables
    are complete.
    """
    size, seed = request.size, request.seed
    for folder in ("train", "test", "annotations"):
        (root / folder).mkdir()
    radiographs = chosen_images(seed, request.images, request.min_prevalence)
    drawn = request.draw(radiographs, lambda image: draw_image(image, size, seed, root))
    train = [(image, readings(image, seed)) for image in drawn if image.part == "train"]
    test = [(image, [consensus(image)]) for image in drawn if image.part == "test"]
    for part, read in (("train", train), ("test", test)):
        _write_tables(root / "annotations", part, read)
    read = [*train, *test]
    return GeneratedDataset(_manifest(read), box_truth(read), reading_truth(train, "vindr_cxr"))


def _write_tables(folder: Path, part: str, read: Read) -> None:
    several = part == "train"
    finding_of = {name: finding for finding, name in labelled_by("vindr_cxr").items()}
    head = ["image_id", "rad_id"] if several else ["image_id"]
    columns = [name if several else name.replace("Other diseases", "Other disease") for name in NATIVE_COLUMNS]
    labels, boxes = [[*head, *columns]], [[*head, "class_name", *_CORNERS.split(",")]]
    for image, readings_of_image in read:
        for reading in readings_of_image:
            who = [image.image_id, reading.reader] if several else [image.image_id]
            found = codes(reading, "vindr_cxr")
            labels.append([*who, *(str(found[finding_of[name]]) for name in NATIVE_COLUMNS)])
            own = [box for on_image in reading.marked.values() for box in on_image]
            boxes += [[*who, labelled_by("vindr_cxr")[box.finding], *_corners(box)] for box in own]
            if not own:
                boxes.append([*who, "No finding", "", "", "", ""])
    _write(folder / f"image_labels_{part}.csv", labels)
    _write(folder / f"annotations_{part}.csv", boxes)


def _corners(box: Box) -> list[str]:
    return [repr(float(value)) for value in (box.x, box.y, box.x + box.width, box.y + box.height)]


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    path.write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")


def _manifest(read: Read) -> pl.DataFrame:
    rows = [
        {
            "image_id": drawn.image_id,
            "path": f"{drawn.part}/{drawn.image_id}.dicom",
            "patient_id": drawn.image_id,
            "view": "PA",
            "age": float(drawn.image.age),
            "sex": drawn.image.sex,
            "split": drawn.part,
            **together([codes(reading, "vindr_cxr") for reading in readings_of_image]),
        }
        for drawn, readings_of_image in read
    ]
    return manifest_of(rows, list(labelled_by("vindr_cxr")))
