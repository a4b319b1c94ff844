"""VinBigData's challenge on Kaggle: the images of VinDr-CXR with boxes of its 14 most frequent findings.

15,000 training images, each boxed by three of 17 radiologists independently, and 3,000 test images whose labels are not
published. The images are VinDr-CXR's: a study with both has the same patients twice, and only near-duplicate search can
match them.

Terms: the competition's rules, non-commercial research and teaching. Download:
https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection. Cite Nguyen, Lam, Le, et al., "VinDr-CXR: An
open dataset of chest X-rays with radiologist's annotations", Scientific Data 9:429, 2022.

Native files below the root (tables plain or .gz)::

    train.csv                       image_id, class_name, class_id, rad_id, x_min, y_min, x_max, y_max in pixels of the
                                    original: one row for each box, or one of class 14, "No finding", without corners;
                                    optionally with width and height of the original, as in some conversions
    train/*.dicom, test/*.dicom     or .png, .jpg as in common conversions
    train_meta.csv                  of conversions: image_id, dim0 (rows) and dim1 (columns) of the original

Manifest: 1 if all readers of an image box a finding, 0 if none does, -1 if they disagree; every reader's own codes
are in the readings; test images are not labelled (null). `view` is PA unless the header has another; `age` and `sex`
are the DICOM header's. Patients are not published: each image counts as its own patient.

Boxes require the original's size: the DICOM header's, the table's or train_meta.csv's. Without it boxes are excluded.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest, in_train_and_test
from hilum.data.collections.image_files import ImageFiles, check_files, note_unlisted_files
from hilum.data.collections.native_boxes import TWO_CORNERS, boxes_of_corners
from hilum.data.collections.native_images import images_in, no_file_name, with_headers
from hilum.data.collections.readings import consensus_codes, long_readings
from hilum.data.tables import find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import NO_FINDING, labelled_by, labelled_finding
from hilum.notes import Code, note
from hilum.progress import ProgressReport, silent

_SUFFIXES = (".dicom", ".dcm", ".png", ".jpg", ".jpeg")
_DICOM_NAME = r"\.(dicom|dcm)$"
_SIZE = ("width", "height")


def read(root: Path, *, allow_missing: bool = False, on_progress: ProgressReport = silent) -> Dataset:
    """Read the table and headers of VinBigData; the native files are listed in this module's docstring.

    Returns:
        Manifest with 14 findings and No Finding (1, 0, -1 or null), `view`, `age`, `sex` of the headers and `split`
        (train, test); boxes and readings of each radiologist.

    Raises:
        HilumError: Missing or invalid tables or images; see `hilum.data.collections.read_collection`.
    """
    notes = [note(Code.NO_PATIENTS_PUBLISHED)]
    table = find_table(root, "train.csv")
    if table is None:
        fix = "Get it: https://www.kaggle.com/c/vinbigdata-chest-xray-abnormalities-detection."
        raise HilumError(root, expected="VinBigData's train.csv", found="no such file", fix=fix)
    sources = {table.name: file_sha256(table)}
    findings = list(labelled_by("vinbigdata"))
    rows = _read_rows(table)
    wide = _codes(rows)
    labelled = consensus_codes(wide, findings)

    files = ImageFiles(root)
    train, test = (images_in(files, [part], _SUFFIXES) for part in ("train", "test"))
    note_unlisted_files(train, labelled, table, notes)
    images = labelled.join(train, on="image_id", how="left", maintain_order="left")
    check_files(images, allow_missing, notes, table, "a file in train/ for every image")
    if test.is_empty():
        notes.append(note(Code.NO_IMAGES_IN, folder="test/"))
    images = in_train_and_test(images, test, root, fix="Download the folders again.")
    dicom = pl.col("path").str.contains(_DICOM_NAME)
    images, rejected, remarks = with_headers(root, images, on_progress, notes, dicom=dicom)
    sized = _with_size(images, rows, root, sources)
    drawn = rows.filter(~pl.all_horizontal(pl.col(TWO_CORNERS).is_null()))
    images = images.with_columns(pl.col("view").fill_null("PA"), pl.col("image_id").alias("patient_id"))
    manifest = as_manifest(images, *findings)
    return Dataset(
        manifest,
        boxes_of_corners(drawn.drop(_SIZE, strict=False), table, sized, notes, collection="vinbigdata"),
        root,
        "vinbigdata",
        [*notes, *files.notes()],
        sources,
        rejected,
        remarks=remarks,
        readings=long_readings(wide.join(manifest, on="image_id", how="semi", maintain_order="left"), findings),
    )


def _read_rows(table: Path) -> pl.DataFrame:
    """Read the table, with the number of each line, and with `reader` for rad_id."""
    rows = read_table(table, ["image_id", "class_name", "rad_id", *TWO_CORNERS], _SIZE, of="VinBigData's")
    names = list(labelled_by("vinbigdata").values())
    # Convert any spelling of a class to the collection's own.
    own = {
        name: labelled_by("vinbigdata")[finding]
        for name in rows["class_name"].unique().drop_nulls()
        if (finding := labelled_finding(name, "vinbigdata"))
    }
    rows = rows.with_columns(pl.col("class_name").replace(own))
    refuse_lines(
        table,
        rows,
        {
            "image_id": (no_file_name("image_id"), "the name of an image"),
            "rad_id": (pl.col("rad_id").is_null(), "a reader"),
            "class_name": (~pl.col("class_name").is_in(names).fill_null(False), f"one of {', '.join(names)}"),
        },
    )
    boxed = ~pl.all_horizontal(pl.col(TWO_CORNERS).is_null())
    healthy = pl.col("class_name") == labelled_by("vinbigdata")[NO_FINDING]
    wrong = {"class_name": (boxed == healthy, "a box with every class except No finding")}
    refuse_lines(table, rows, wrong)
    return rows.rename({"rad_id": "reader"}).with_row_index("line", 2)


def _codes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each image and reader: a reader with a row on an image has read all of it."""
    return rows.group_by("image_id", "reader", maintain_order=True).agg(
        (pl.col("class_name") == name).any().cast(pl.Int8).alias(finding)
        for finding, name in labelled_by("vinbigdata").items()
    )


def _with_size(images: pl.DataFrame, rows: pl.DataFrame, root: Path, sources: dict[str, str]) -> pl.DataFrame:
    """Return `image_id`, `frame_width`, `frame_height` of the original, from the first source that has them."""
    stated = [images.select("image_id", "frame_width", "frame_height")]
    if set(_SIZE) <= set(rows.columns):
        stated.append(rows.select("image_id", frame_width="width", frame_height="height").unique("image_id"))
    meta = find_table(root, "train_meta.csv")
    if meta is not None:
        sources[meta.name] = file_sha256(meta)
        dims = read_table(meta, ["image_id", "dim0", "dim1"], of="VinBigData's")
        stated.append(dims.select("image_id", frame_width="dim1", frame_height="dim0").unique("image_id"))
    sized = images.select("image_id")
    for number, sizes in enumerate(stated):
        numbers = pl.col("frame_width", "frame_height").cast(pl.Float64, strict=False).cast(pl.Int32, strict=False)
        sized = sized.join(sizes.with_columns(numbers), on="image_id", how="left", suffix=f"_{number}")
    return sized.select(
        "image_id",
        *(pl.coalesce(f"^{side}(_\\d)?$").alias(side) for side in ("frame_width", "frame_height")),
    )
