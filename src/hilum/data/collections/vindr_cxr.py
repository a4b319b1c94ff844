"""VinDr-CXR as PhysioNet distributes it: frontal radiographs of two hospitals in Hanoi, read by radiologists.

18,000 PA images in DICOM (10 to 16 bits, MONOCHROME1 and 2, JPEG 2000 and others): 15,000 for training, each read by
three of 17 radiologists independently, and 3,000 for testing, read by five radiologists in consensus. 28 labels: 22
findings with boxes, and six of the whole image (COPD, Lung tumor, Pneumonia, Tuberculosis, Other diseases, No finding).

Terms: PhysioNet Credentialed Health Data License 1.5.0; no redistribution. Download, after training and signing:
https://physionet.org/content/vindr-cxr/1.0.0/. Cite Nguyen, Lam, Le, et al., "VinDr-CXR: An open dataset of chest
X-rays with radiologist's annotations", Scientific Data 9:429, 2022, doi 10.1038/s41597-022-01498-w.

Native files below the root (each table plain or .gz)::

    train/*.dicom, test/*.dicom                    named by the image's id, 32 hexadecimal digits
    annotations/image_labels_train.csv             image_id, rad_id (or rad_ID), one column of 0 and 1 for each label
    annotations/image_labels_test.csv              the same without reader; with "Other disease"
    annotations/annotations_train.csv              image_id, rad_id, class_name, x_min, y_min, x_max, y_max in pixels of
                                                   the original; one row of No finding, without corners, if a reader
                                                   boxes nothing
    annotations/annotations_test.csv               the same without reader

Manifest: for training images 1 if all their readers report a finding, 0 if none does, -1 if they disagree; every
reader's own codes are in the readings; for test images the consensus. `view` is PA unless the header has another; `age`
and `sex` are the header's. Patients are not published: each image counts as its own patient.

Several papers, among them Hilum's study 4, call a training image positive if at least two of three report a finding.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles, check_files, note_unlisted_files
from hilum.data.collections.native_boxes import TWO_CORNERS, boxes_of_corners
from hilum.data.collections.native_images import images_in, no_file_name, with_headers
from hilum.data.collections.readings import consensus_codes, long_readings
from hilum.data.tables import find_table, read_table, refuse_lines, refuse_missing_unless
from hilum.errors import HilumError
from hilum.findings import labelled_by
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

PARTS: tuple[str, ...] = ("train", "test")
_READER = ("rad_id", "rad_ID")
_OTHER = ("Other diseases", "Other disease")
_WHERE = "https://physionet.org/content/vindr-cxr/1.0.0/"


def read(root: Path, *, allow_missing: bool = False, on_progress: ProgressReport = silent) -> Dataset:
    """Read the tables and headers of VinDr-CXR; the native files are listed in this module's docstring.

    Returns:
        Manifest with 28 labels (1, 0 or -1), `view`, `age`, `sex` of the headers and `split` (train, test); boxes and
        readings of each radiologist.

    Raises:
        HilumError: Missing or invalid tables or images; see `hilum.data.collections.read_collection`.
    """
    notes = [note(Code.NO_PATIENTS_PUBLISHED)]
    sources: dict[str, str] = {}
    tables = {part: find_table(root, f"annotations/image_labels_{part}.csv") for part in PARTS}
    lacking = [f"annotations/image_labels_{part}.csv" for part, table in tables.items() if table is None]
    if len(lacking) == len(PARTS):
        raise HilumError(root, expected=f"{lacking[0]} or of test", found="neither", fix=f"Get VinDr-CXR: {_WHERE}.")
    refuse_missing_unless(allow_missing, notes, root, "a table of labels for train and test", lacking)

    findings = list(labelled_by("vindr_cxr"))
    files = ImageFiles(root)
    readings, parts = None, []
    for part, table in tables.items():
        if table is None:
            continue
        sources[table.relative_to(root).as_posix()] = file_sha256(table)
        rows = _read_labels(table, read_by_several=part == "train")
        if part == "train":
            readings = long_readings(rows, findings)
            rows = consensus_codes(rows, findings)
        images = images_in(files, [part], [".dicom", ".dcm"])
        note_unlisted_files(images, rows, table, notes)
        rows = rows.join(images, on="image_id", how="left", maintain_order="left")
        check_files(rows, allow_missing, notes, table, f"a file {part}/*.dicom for every image of {table.name}")
        parts.append(rows.select("image_id", "path", pl.lit(part).alias("split"), *findings))
    radiographs = pl.concat(parts)
    twice = radiographs.filter(pl.col("image_id").is_duplicated())["image_id"].unique(maintain_order=True)
    if len(twice):
        found = f"{', '.join(twice.head(3))} in both"
        raise HilumError(
            root, expected="every image in train or in test", found=found, fix="Download the tables again."
        )

    known, rejected, remarks = with_headers(root, radiographs, on_progress, notes)
    boxes = [_read_boxes(root, part, known, sources, notes) for part, table in tables.items() if table is not None]
    drawn = [part for part in boxes if part is not None]
    known = known.with_columns(pl.col("view").fill_null("PA"), pl.col("image_id").alias("patient_id"))
    manifest = as_manifest(known, *findings)
    if readings is not None:
        readings = readings.join(manifest, on="image_id", how="semi", maintain_order="left")
    return Dataset(
        manifest,
        pl.concat(drawn) if drawn else None,
        root,
        "vindr_cxr",
        [*notes, *files.notes()],
        sources,
        rejected,
        remarks=remarks,
        readings=readings,
    )


def _read_labels(table: Path, *, read_by_several: bool) -> pl.DataFrame:
    """Read `image_id`, `reader` if there are several, and a column of codes for each finding."""
    names = dict(labelled_by("vindr_cxr"))
    other = names.pop("Other Disease")
    text = read_table(table, ["image_id", *names.values()], [*_READER, *_OTHER], of="VinDr-CXR's")
    text = _under(_under(text, _OTHER, other), _READER, "reader")
    wanted = [other, "reader"] if read_by_several else [other]
    for name in wanted:
        if name not in text.columns:
            raise HilumError(table, expected=f"a column {name!r}", found="none", fix="Download the table again.")
    codes = {native: pl.col(native).cast(pl.Float64, strict=False) for native in (*names.values(), other)}
    wrong = {
        name: (pl.col(name).is_not_null() & ~code.is_in([0.0, 1.0]).fill_null(False), "0 or 1")
        for name, code in codes.items()
    }
    one_row = ["image_id", "reader"] if read_by_several else ["image_id"]
    wrong["image_id"] = (
        no_file_name("image_id") | pl.struct(one_row).is_duplicated(),
        f"the name of an image, once per {one_row[-1]}",
    )
    if read_by_several:
        wrong["reader"] = (pl.col("reader").is_null(), "a reader")
    refuse_lines(table, text, wrong)
    return text.select(
        *one_row,
        *(codes[name].cast(pl.Int8).alias(finding) for finding, name in labelled_by("vindr_cxr").items()),
    )


def _read_boxes(
    root: Path, part: str, radiographs: pl.DataFrame, sources: dict[str, str], notes: list[Note]
) -> pl.DataFrame | None:
    path = find_table(root, f"annotations/annotations_{part}.csv")
    if path is None:
        notes.append(note(Code.NO_BOXES, table=f"annotations/annotations_{part}.csv"))
        return None
    sources[path.relative_to(root).as_posix()] = file_sha256(path)
    text = read_table(path, ["image_id", "class_name", *TWO_CORNERS], _READER, of="VinDr-CXR's")
    text = _under(text, _READER, "reader").with_row_index("line", 2)
    if "reader" not in text.columns:
        text = text.with_columns(pl.lit(None, dtype=pl.String).alias("reader"))
    text = text.filter(~pl.all_horizontal(pl.col(TWO_CORNERS).is_null()))
    return boxes_of_corners(text, path, radiographs, notes, collection="vindr_cxr")


def _under(text: pl.DataFrame, spellings: tuple[str, ...], name: str) -> pl.DataFrame:
    """Rename the first of these columns that the table has, and drop the others."""
    found = [spelling for spelling in spellings if spelling in text.columns]
    return text.drop(found[1:]).rename({found[0]: name}) if found else text
