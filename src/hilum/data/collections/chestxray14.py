"""ChestX-ray14 (also: ChestX-ray8, NIH CXR14), frontal radiographs of the NIH Clinical Center.

112,120 images of 30,805 patients, 8-bit gray (a few RGBA) PNG of 1024 x 1024; 14 findings and "No Finding", text-mined
from reports (absent from the text counts as negative); 984 boxes on 880 images, drawn by a radiologist.

Terms: no restrictions on use; the NIH Clinical Center asks to link https://nihcc.app.box.com/v/ChestXray-NIHCC (the
download), to cite Wang, Peng, Lu, Lu, Bagheri, Summers, "ChestX-ray8: Hospital-scale Chest X-ray Database and
Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases", CVPR 2017, pp. 3462-3471,
and to name the NIH Clinical Center as the provider of the data.

Native files below the root (each table plain or .gz)::

    Data_Entry_2017_v2020.csv    labels, release "2020"; Data_Entry_2017.csv is the first release, "2017"
    BBox_List_2017.csv           boxes in the 1024 frame, whatever the size of the image files
    train_val_list.txt, test_list.txt                      the official lists  ->  split
    chexnet_split/{train,val,test}_list.txt                CheXNet's lists     ->  split_chexnet
        or chexnet_{train,val,test}_list.txt               (their own labels are of an older release and are not read)
    images/*.png, images_001/images/*.png … images_012, or *.png

Manifest: `image_id` is the native name with .png; `patient_id` the native number without leading zeros (some copies of
the table have them); `view` PA or AP; `age` in years, converted from months, weeks and days (010M, 006W, 027D), blank
above 120 (a known error of the first release); no `study_id`. Findings may have any spelling of Hilum's vocabulary; a
finding that ChestX-ray14 does not label is refused.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles, check_files, note_unlisted_files
from hilum.data.patients import with_canonical_patients
from hilum.data.tables import (
    csv_rows,
    find_table,
    read_lines,
    read_table,
    refuse_lines,
    refuse_missing_unless,
    some,
    text_columns,
    years,
)
from hilum.errors import HilumError
from hilum.findings import CHESTXRAY14, NO_FINDING, labelled_finding
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

FRAME = 1024
_TABLES = {"2020": "Data_Entry_2017_v2020.csv", "2017": "Data_Entry_2017.csv"}
_COLUMNS = {
    "Image Index": "image_id",
    "Finding Labels": "labels",
    "Patient ID": "patient_id",
    "Patient Age": "age",
    "Patient Gender": "sex",
    "View Position": "view",
}
_FOLDERS = ("", "images", *(f"images_{part:03d}/images" for part in range(1, 13)))
_OFFICIAL: dict[str, tuple[str, ...]] = {"train_val": ("train_val_list.txt",), "test": ("test_list.txt",)}
_CHEXNET: dict[str, tuple[str, ...]] = {
    part: (f"chexnet_split/{part}_list.txt", f"chexnet_{part}_list.txt") for part in ("train", "val", "test")
}


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    release: str | None = None,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the tables, lists and boxes of ChestX-ray14; the native files are listed in this module's docstring.

    Returns:
        Manifest with labels mined from reports (1 or 0), `view`, `age`, `sex`, `split` (the official lists) and
        `split_chexnet`; boxes of a radiologist.

    Raises:
        HilumError: Missing or invalid tables, lists or images; see `hilum.data.collections.read_collection`.
    """
    table = _find_table(root, release)
    sources = {table.relative_to(root).as_posix(): file_sha256(table)}
    notes = [note(Code.LABELS_OF_TABLE, table=table.name)]
    radiographs, warnings = with_canonical_patients(_read_table(table, notes))
    notes += warnings

    for column, lists in (("split", _OFFICIAL), ("split_chexnet", _CHEXNET)):
        listed = _read_lists(root, lists, sources)
        if listed is None:
            named = f"{'official' if column == 'split' else 'CheXNet'} lists"
            notes.append(note(Code.NO_LISTS, lists=named, column=column))
            radiographs = radiographs.with_columns(pl.lit(None, dtype=pl.String).alias(column))
            continue
        unknown = listed.join(radiographs, on="image_id", how="anti")
        if len(unknown):
            expected = f"a row for every image on the lists of {column}"
            refuse_missing_unless(allow_missing, notes, table, expected, unknown["image_id"].to_list())
        radiographs = radiographs.join(
            listed.rename({"part": column}), on="image_id", how="left", maintain_order="left"
        )

    files = ImageFiles(root)
    images = files.listed(_FOLDERS, ".png").rename({"name": "image_id"})
    radiographs = radiographs.join(images, on="image_id", how="left", maintain_order="left")
    check_files(radiographs, allow_missing, notes, root, "an image for every row of the table")
    note_unlisted_files(images, radiographs, table, notes)

    notes += files.notes()
    manifest = as_manifest(radiographs, "split_chexnet", *CHESTXRAY14, NO_FINDING)
    boxes = _read_boxes(root, manifest, sources, notes)
    return Dataset(manifest, boxes, root, "chestxray14", notes, sources)


def _find_table(root: Path, release: str | None) -> Path:
    if release is not None and release not in _TABLES:
        raise HilumError("release", expected=f"one of {', '.join(_TABLES)}", found=repr(release), fix="Use 2020.")
    names = [_TABLES[release]] if release else list(_TABLES.values())
    table = find_table(root, *names)
    if table is None:
        raise HilumError(
            root,
            expected=f"ChestX-ray14's table {' or '.join(names)}, plain or .gz",
            found="neither" if len(names) > 1 else "no such file",
            fix="Give the folder that contains it as ROOT (get it from https://nihcc.app.box.com/v/ChestXray-NIHCC).",
        )
    return table


def _read_table(table: Path, notes: list[Note]) -> pl.DataFrame:
    rows = read_table(table, list(_COLUMNS), of="ChestX-ray14's")
    age, image = pl.col("Patient Age"), pl.col("Image Index")
    wrong = {
        "Image Index": (image.is_null() | image.is_duplicated(), "every image once"),
        "Patient ID": (pl.col("Patient ID").is_null(), "a number"),
        "Finding Labels": (pl.col("Finding Labels").is_null(), "findings, or No Finding"),
        "Patient Age": (
            years("Patient Age").is_null() & age.is_not_null(),
            "years, such as 58 or 058Y (or 010M, 006W, 027D)",
        ),
        "Patient Gender": (~pl.col("Patient Gender").is_in(["F", "M"]), "F or M"),
    }
    refuse_lines(table, rows, wrong)
    rows = _with_findings(rows, table)
    rows = rows.with_columns(years("Patient Age").alias("Patient Age"), pl.col("View Position").str.to_uppercase())
    rows = rows.rename(_COLUMNS)
    impossible = int((rows["age"] > 120).sum())
    if impossible:
        notes.append(note(Code.IMPOSSIBLE_AGES, images=impossible))
    return rows.with_columns(pl.when(pl.col("age") <= 120).then("age").alias("age"))


def _with_findings(rows: pl.DataFrame, table: Path) -> pl.DataFrame:
    written = pl.col("Finding Labels")
    # Many images have the same labels, so each text is parsed once.
    meant = {
        labels: [labelled_finding(name, "chestxray14") for name in labels.split("|")]
        for labels in rows["Finding Labels"].unique()
    }
    unknown = [labels for labels, findings in meant.items() if None in findings]
    torn = [labels for labels, findings in meant.items() if NO_FINDING in findings and {*findings} != {NO_FINDING}]
    expected = "findings that ChestX-ray14 labels, with | between them (see `hilum findings`)"
    refuse_lines(table, rows, {"Finding Labels": (written.is_in(unknown), expected)})
    refuse_lines(table, rows, {"Finding Labels": (written.is_in(torn), "findings, or No Finding, never both")})
    return rows.with_columns(
        written.is_in([labels for labels, findings in meant.items() if finding in findings])
        .cast(pl.Int8)
        .alias(finding)
        for finding in (*CHESTXRAY14, NO_FINDING)
    )


def _read_lists(root: Path, lists: dict[str, tuple[str, ...]], sources: dict[str, str]) -> pl.DataFrame | None:
    found = {part: find_table(root, *names) for part, names in lists.items()}
    if not any(found.values()):
        return None
    parts = []
    for part, path in found.items():
        if path is None:
            expected = f"{lists[part][0]} beside the other lists"
            raise HilumError(root, expected=expected, found="no such file", fix="Get it, or remove the other lists.")
        sources[path.relative_to(root).as_posix()] = file_sha256(path)
        # CheXNet's lines contain 14 more zeros and ones.
        names = [line.split()[0] for line in read_lines(path) if line]
        listing = pl.DataFrame({"image_id": names}, schema={"image_id": pl.String})
        parts.append(listing.with_columns(pl.lit(part).alias("part")))
    listed = pl.concat(parts)
    twice = listed.filter(pl.col("image_id").is_duplicated())["image_id"].unique().sort()
    if len(twice):
        where = " and ".join(str(path) for path in found.values())
        raise HilumError(where, expected="every image on one list, once", found=f"{some(twice)} again", fix="Fix it.")
    return listed


def _read_boxes(root: Path, manifest: pl.DataFrame, sources: dict[str, str], notes: list[Note]) -> pl.DataFrame | None:
    path = find_table(root, "BBox_List_2017.csv")
    if path is None:
        notes.append(note(Code.NO_BOXES, table="BBox_List_2017.csv"))
        return None
    sources[path.relative_to(root).as_posix()] = file_sha256(path)
    # The header ("Bbox [x,y,w,h],,,") has more fields than the rows, so that columns are read by position.
    header, rows = csv_rows(path)
    names = ("image_id", "label", "x", "y", "width", "height")
    if len(header) < len(names):
        found = f"{len(header)} columns"
        raise HilumError(path, expected="image, finding, x, y, w, h", found=found, fix="Download it again.")
    text = text_columns(path, rows, {name: place for place, name in enumerate(names)})
    labels = text["label"].unique().drop_nulls()
    meant = {label: labelled_finding(label, "chestxray14") for label in labels}
    numbers = {name: pl.col(name).cast(pl.Float64, strict=False) for name in names[2:]}
    unknown = [label for label, finding in meant.items() if finding is None]
    wrong = {
        "image_id": (pl.col("image_id").is_null(), "an image"),
        "label": (pl.col("label").is_null() | pl.col("label").is_in(unknown), "a finding that ChestX-ray14 labels"),
        **{name: (~number.is_finite().fill_null(False), "a number") for name, number in numbers.items()},
    }
    refuse_lines(path, text, wrong)
    boxes = text.select(
        "image_id",
        pl.col("label").replace_strict(meant, return_dtype=pl.String).alias("finding"),
        *(number.alias(name) for name, number in numbers.items()),
        pl.lit(FRAME, dtype=pl.Int32).alias("frame_width"),
        pl.lit(FRAME, dtype=pl.Int32).alias("frame_height"),
    )
    known = boxes.join(manifest, on="image_id", how="semi", maintain_order="left")
    if len(known) < len(boxes):
        notes.append(note(Code.BOXES_WITHOUT_IMAGE, boxes=len(boxes) - len(known), table=path.name))
    return known
