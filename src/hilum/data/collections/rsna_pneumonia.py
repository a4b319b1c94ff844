"""RSNA Pneumonia Detection Challenge: images of ChestX-ray14 with new readings and boxes.

30,227 rows on 26,684 training images (stage 2) and 3,000 test images whose labels are not published; JPEG-compressed
8-bit DICOM of 1024 x 1024. Of the training images 6,012 are of class Lung Opacity (with boxes), 8,851 Normal and 11,821
"No Lung Opacity / Not Normal". Read by 18 radiologists of RSNA and the Society of Thoracic Radiology.

Terms: the competition's, for research and teaching, with attribution. Download:
https://www.kaggle.com/c/rsna-pneumonia-detection-challenge. Cite Shih, Wu, Halabi, et al., "Augmenting the National
Institutes of Health Chest Radiograph Dataset with Expert Annotations of Possible Pneumonia", Radiology: Artificial
Intelligence 1(1):e180041, 2019, doi 10.1148/ryai.2019180041, and ChestX-ray14.

Native files below the root (tables plain or .gz)::

    stage_2_train_labels.csv             patientId, x, y, width, height (pixels of 1024 x 1024), Target
    stage_2_detailed_class_info.csv      patientId, class
    stage_2_train_images/*.dcm, stage_2_test_images/*.dcm        named by patientId, which is the id of an image
    pneumonia-challenge-dataset-mappings_2018.json               from RSNA's own page: subset_img_id (a patientId here)
                                                                 to img_id (a name in ChestX-ray14)

Manifest: `image_id` is patientId. Target gives both "Lung Opacity" and "Pneumonia": the readers boxed opacities that
may be pneumonia, and the challenge calls these pneumonia; other opacities count as 0. "No Finding" is class Normal.
`view`, `age` and `sex` are the DICOM header's. Test images are not labelled (null).

Patients: with RSNA's mapping, ChestX-ray14's (`chestxray14:<number>`), so that a study with both sets can match them.
Kaggle split images, not patients: if a patient has images in train and in test, `split` is blank. Without the mapping
each image counts as its own patient, and patients of both data sets are not matched.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest, in_train_and_test
from hilum.data.collections.image_files import ImageFiles, check_files, note_unlisted_files
from hilum.data.collections.native_boxes import CORNERS, as_boxes
from hilum.data.collections.native_images import images_in, no_file_name, with_headers
from hilum.data.collections.native_json import read_json, refuse_unlike
from hilum.data.tables import find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import NO_FINDING, labelled_by
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

FRAME = 1024
CLASSES: tuple[str, ...] = ("Lung Opacity", "Normal", "No Lung Opacity / Not Normal")
MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"
_NIH_NAME = r"^0*(\d+)_\d+\.png$"


def read(root: Path, *, allow_missing: bool = False, on_progress: ProgressReport = silent) -> Dataset:
    """Read the tables and headers of the RSNA challenge; the native files are listed in this module's docstring.

    Returns:
        Manifest with Lung Opacity, Pneumonia and No Finding (1, 0 or null), `view`, `age`, `sex` of the headers and
        `split` (train, test; blank if patients are in both); boxes of lung opacities.

    Raises:
        HilumError: Missing or invalid tables or images; see `hilum.data.collections.read_collection`.
    """
    notes: list[Note] = []
    table = find_table(root, "stage_2_train_labels.csv")
    if table is None:
        fix = "Get it: https://www.kaggle.com/c/rsna-pneumonia-detection-challenge."
        raise HilumError(root, expected="RSNA's stage_2_train_labels.csv", found="no such file", fix=fix)
    sources = {table.name: file_sha256(table)}
    rows = _read_rows(table)
    images = rows.group_by("image_id", maintain_order=True).agg(pl.col("Target").first())
    images = images.join(_read_classes(root, sources, notes), on="image_id", how="left", maintain_order="left")

    files = ImageFiles(root)
    train, test = (images_in(files, [f"stage_2_{part}_images"], [".dcm"]) for part in ("train", "test"))
    note_unlisted_files(train, images, table, notes)
    images = images.join(train, on="image_id", how="left", maintain_order="left")
    check_files(images, allow_missing, notes, table, "a file in stage_2_train_images/ for every image")
    if test.is_empty():
        notes.append(note(Code.NO_IMAGES_IN, folder="stage_2_test_images/"))
    images = in_train_and_test(images, test, root, fix="Download the folders again.")
    images, rejected, remarks = with_headers(root, images, on_progress, notes)
    images = _with_patients(images, root, sources, notes)
    normal = labelled_by("rsna_pneumonia")[NO_FINDING]
    manifest = as_manifest(
        images,
        pl.col("Target").alias("Lung Opacity"),
        pl.col("Target").alias("Pneumonia"),
        (pl.col("class") == normal).cast(pl.Int8).alias(NO_FINDING),
    )
    boxes = rows.filter(~pl.all_horizontal(pl.col(CORNERS).is_null())).join(
        manifest, on="image_id", how="semi", maintain_order="left"
    )
    size = {side: pl.lit(FRAME, dtype=pl.Int32) for side in ("frame_width", "frame_height")}
    boxes = boxes.select("line", "image_id", *CORNERS, finding=pl.lit("Lung Opacity"), **size)
    return Dataset(
        manifest,
        as_boxes(boxes, table, notes),
        root,
        "rsna_pneumonia",
        [*notes, *files.notes()],
        sources,
        rejected,
        remarks=remarks,
    )


def _read_rows(table: Path) -> pl.DataFrame:
    rows = read_table(table, ["patientId", *CORNERS, "Target"], of="RSNA's")
    boxed = ~pl.all_horizontal(pl.col(CORNERS).is_null())
    target = pl.col("Target").cast(pl.Int8, strict=False)
    refuse_lines(
        table,
        rows,
        {
            "patientId": (no_file_name("patientId"), "the id of an image"),
            "Target": (~target.is_in([0, 1]).fill_null(False), "0 or 1"),
        },
    )
    torn = (boxed != (target == 1)) | (target.n_unique().over("patientId") > 1)
    refuse_lines(table, rows, {"Target": (torn, "1 with a box and 0 without, the same in all rows of an image")})
    return rows.with_columns(target).rename({"patientId": "image_id"}).with_row_index("line", 2)


def _read_classes(root: Path, sources: dict[str, str], notes: list[Note]) -> pl.DataFrame:
    path = find_table(root, "stage_2_detailed_class_info.csv")
    if path is None:
        notes.append(note(Code.NO_FINDING_UNLABELLED, table="stage_2_detailed_class_info.csv"))
        return pl.DataFrame(schema={"image_id": pl.String, "class": pl.String})
    sources[path.name] = file_sha256(path)
    rows = read_table(path, ["patientId", "class"], of="RSNA's")
    wrong = ~pl.col("class").is_in(CLASSES).fill_null(False) | (pl.col("class").n_unique().over("patientId") > 1)
    refuse_lines(path, rows, {"class": (wrong, f"one of {', '.join(CLASSES)}, the same in all rows of an image")})
    return rows.rename({"patientId": "image_id"}).unique("image_id")


def _with_patients(images: pl.DataFrame, root: Path, sources: dict[str, str], notes: list[Note]) -> pl.DataFrame:
    path = root / MAPPING
    if not path.is_file():
        notes.append(note(Code.NO_PATIENT_MAPPING, table=MAPPING))
        return images.with_columns(pl.col("image_id").alias("patient_id"))
    sources[path.name] = file_sha256(path)
    mapping = read_json(path, of="RSNA's mapping")
    if not isinstance(mapping, list) or not all(
        isinstance(row, dict) and isinstance(row.get("subset_img_id"), str) and isinstance(row.get("img_id"), str)
        for row in mapping
    ):
        raise refuse_unlike(path, of="RSNA's mapping", expected="a list of objects with subset_img_id and img_id")
    pairs = pl.DataFrame(
        [(row["subset_img_id"], row["img_id"]) for row in mapping],
        schema={"image_id": pl.String, "nih": pl.String},
        orient="row",
    ).unique("image_id", keep="first", maintain_order=True)
    patient = "chestxray14:" + pl.col("nih").str.extract(_NIH_NAME, 1)
    images = images.join(pairs, on="image_id", how="left", maintain_order="left")
    images = images.with_columns(patient.alias("patient_id")).drop("nih")
    if unknown := images["patient_id"].null_count():
        notes.append(note(Code.NOT_IN_PATIENT_MAPPING, images=unknown, table=MAPPING))
    images = images.with_columns(pl.coalesce("patient_id", "image_id").alias("patient_id"))
    both = images.group_by("patient_id").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    if len(both):
        notes.append(note(Code.PATIENTS_IN_TRAIN_AND_TEST, patients=len(both)))
        images = images.with_columns(pl.lit(None, dtype=pl.String).alias("split"))
    return images
