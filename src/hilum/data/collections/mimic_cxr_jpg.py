"""MIMIC-CXR-JPG, chest radiographs of Beth Israel Deaconess Medical Center with labels mined from reports.

377,110 images of 227,827 studies of 65,379 patients, 2011 to 2016, frontal and lateral, 8-bit gray JPEG at full size.
The 14 observations of CheXpert, extracted for a whole study from its report by two labellers: 1.0 positive, 0.0
negative, -1.0 uncertain, blank not mentioned. Official split: 368,960 train, 2,991 validate, 5,159 test images.

Terms: PhysioNet Credentialed Health Data Use Agreement 1.5.0; it requires credentials and training, and forbids
redistribution. Johnson, Lungren, Peng, Lu, Mark, Berkowitz, Horng, "MIMIC-CXR-JPG - chest radiographs with structured
labels" (version 2.1.0), PhysioNet 2024, https://doi.org/10.13026/jsn5-t979; Johnson et al., Scientific Data 6, 317
(2019).

Native files below the root (each table plain or .gz)::

    mimic-cxr-2.0.0-metadata.csv              dicom_id, subject_id, study_id, ViewPosition, StudyDate, …
    mimic-cxr-2.0.0-split.csv                 dicom_id, split
    mimic-cxr-2.0.0-chexpert.csv              subject_id, study_id and the observations      labeller "chexpert"
    mimic-cxr-2.0.0-negbio.csv                the same by NegBio                             labeller "negbio"
    mimic-cxr-2.1.0-test-set-labeled.csv      study_id and the observations: 687 test studies, labelled by a
                                              radiologist from their reports                 labeller "radiologist"
    patients.csv                              (optional, from MIMIC-IV) subject_id, gender, anchor_age, anchor_year
    files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg

Manifest: `image_id` is dicom_id, `patient_id` subject_id, `study_id` study_id; `view` is ViewPosition, with LL and
XTABLE LATERAL as LATERAL, blank if the table has none. `split` has val for validate. All images of a study have its
codes; studies that a labeller omits are blank. `age` (anchor_age plus the years from anchor_year to StudyDate; MIMIC-IV
sets ages above 89 to 91) and `sex` are blank without patients.csv.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.chexpert_codes import codes, wrong_codes
from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles, check_files
from hilum.data.tables import find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import CHEXPERT
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

LABELLERS = {
    "chexpert": "mimic-cxr-2.0.0-chexpert.csv",
    "negbio": "mimic-cxr-2.0.0-negbio.csv",
    "radiologist": "mimic-cxr-2.1.0-test-set-labeled.csv",
}
"""Labellers and their tables."""
_METADATA = "mimic-cxr-2.0.0-metadata.csv"
_SPLIT = "mimic-cxr-2.0.0-split.csv"
_OF = "MIMIC-CXR-JPG's"
_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_DICOM_ID = r"^[0-9a-f]{8}(?:-[0-9a-f]{8}){4}$"
_NUMBER = r"^[1-9]\d{7}$"
_LATERAL = ("LL", "XTABLE LATERAL")


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    labeller: str | None = None,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the tables of MIMIC-CXR-JPG; the native files are listed in this module's docstring.

    Returns:
        Manifest with the 14 observations of one labeller (1, 0, -1 or null), `study_id`, `view`, `age`, `sex` and
        `split` (train, val, test).

    Raises:
        HilumError: Missing or invalid tables or images; see `hilum.data.collections.read_collection`.
    """
    metadata, labels = _table(root, _METADATA), _find_labels(root, labeller)
    split, patients = find_table(root, _SPLIT), find_table(root, "patients.csv")
    notes = [note(Code.LABELS_OF_TABLE, table=labels.name)]
    images = _read_metadata(metadata)
    observations = _read_labels(labels)
    unlabelled = len(images.join(observations, on="study_id", how="anti"))
    if unlabelled:
        notes.append(note(Code.UNLABELLED_IMAGES, images=unlabelled, table=labels.name))
    images = images.join(observations, on="study_id", how="left", maintain_order="left")
    images = images.join(_read_split(split, notes), on="image_id", how="left", maintain_order="left")
    images = _with_age_and_sex(images, patients, notes)

    files = ImageFiles(root)
    paths = images.select(
        pl.format("files/p{}/p{}/s{}/{}.jpg", pl.col("patient_id").str.head(2), "patient_id", "study_id", "image_id")
    ).to_series()
    images = images.with_columns(path=pl.when(files.present(paths)).then(paths))
    notes += files.notes()
    check_files(images, allow_missing, notes, root, f"an image for every row of {_METADATA}")
    read_from = [path for path in (metadata, labels, split, patients) if path is not None]
    sources = {path.relative_to(root).as_posix(): file_sha256(path) for path in read_from}
    return Dataset(as_manifest(images, *CHEXPERT), None, root, "mimic_cxr_jpg", notes, sources)


def _table(root: Path, name: str) -> Path:
    path = find_table(root, name)
    if path is None:
        fix = "Give the folder with MIMIC-CXR-JPG's tables as ROOT (https://doi.org/10.13026/jsn5-t979)."
        raise HilumError(root, expected=f"{name}, plain or .gz", found="no such file", fix=fix)
    return path


def _find_labels(root: Path, labeller: str | None) -> Path:
    if labeller is not None:
        if labeller not in LABELLERS:
            expected = f"one of {', '.join(LABELLERS)}"
            raise HilumError("labeller", expected=expected, found=repr(labeller), fix="Use chexpert.")
        return _table(root, LABELLERS[labeller])
    return find_table(root, *LABELLERS.values()) or _table(root, LABELLERS["chexpert"])


def _read_metadata(table: Path) -> pl.DataFrame:
    rows = read_table(table, ["dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate"], of=_OF)
    _refuse_odd_ids(table, rows)
    view = pl.col("ViewPosition").str.to_uppercase()
    return rows.select(
        pl.col("dicom_id").alias("image_id"),
        pl.col("subject_id").alias("patient_id"),
        "study_id",
        pl.when(view.is_in(_LATERAL)).then(pl.lit("LATERAL")).otherwise(view).alias("view"),
        pl.col("StudyDate").str.extract(r"^(\d{4})", 1).cast(pl.Float64).alias("year"),
    )


def _refuse_odd_ids(table: Path, rows: pl.DataFrame) -> None:
    # Paths are built from these ids, so other values are refused.
    image = pl.col("dicom_id")
    odd = ~image.str.contains(_DICOM_ID).fill_null(False) | image.is_duplicated()
    wrong = {"dicom_id": (odd, "every image once, five times eight hex digits")}
    for name in ("subject_id", "study_id"):
        if name in rows.columns:
            wrong[name] = (~pl.col(name).str.contains(_NUMBER).fill_null(False), "eight digits")
    refuse_lines(table, rows, wrong)


def _read_labels(table: Path) -> pl.DataFrame:
    rows = read_table(table, ["study_id", *CHEXPERT], of=_OF)
    study = pl.col("study_id")
    once = ~study.str.contains(_NUMBER).fill_null(False) | study.is_duplicated()
    refuse_lines(table, rows, {"study_id": (once, "every study once, eight digits"), **wrong_codes()})
    return rows.select("study_id", *codes())


def _read_split(table: Path | None, notes: list[Note]) -> pl.DataFrame:
    if table is None:
        notes.append(note(Code.NO_LISTS, lists=_SPLIT, column="split"))
        return pl.DataFrame(schema={"image_id": pl.String, "split": pl.String})
    rows = read_table(table, ["dicom_id", "split"], of=_OF)
    _refuse_odd_ids(table, rows)
    known = pl.col("split").is_in(list(_SPLITS)).fill_null(False)
    refuse_lines(table, rows, {"split": (~known, "train, validate or test")})
    return rows.select(pl.col("dicom_id").alias("image_id"), pl.col("split").replace_strict(_SPLITS))


def _with_age_and_sex(images: pl.DataFrame, table: Path | None, notes: list[Note]) -> pl.DataFrame:
    if table is None:
        notes.append(note(Code.NO_AGE_AND_SEX, table="patients.csv (MIMIC-IV)"))
        return images
    rows = read_table(table, ["subject_id", "gender", "anchor_age", "anchor_year"], of="MIMIC-IV's")
    years = {name: pl.col(name).cast(pl.Float64, strict=False) for name in ("anchor_age", "anchor_year")}
    wrong = {
        "subject_id": (
            ~pl.col("subject_id").str.contains(_NUMBER).fill_null(False) | pl.col("subject_id").is_duplicated(),
            "every patient once, eight digits",
        ),
        "gender": (~pl.col("gender").is_in(["F", "M"]), "F or M"),
        "anchor_age": (~years["anchor_age"].is_between(0, 120).fill_null(False), "years"),
        "anchor_year": (years["anchor_year"].is_null(), "a year"),
    }
    refuse_lines(table, rows, wrong)
    people = rows.select(pl.col("subject_id").alias("patient_id"), pl.col("gender").alias("sex"), *years.values())
    images = images.join(people, on="patient_id", how="left", maintain_order="left")
    age = pl.col("anchor_age") + pl.col("year") - pl.col("anchor_year")
    return images.with_columns(age=pl.when(age.is_between(0, 120)).then(age))
