"""UKA-CXR, bedside radiographs of the University Hospital Aachen, graded by radiologists.

193,361 images of 54,176 patients, 2009 to 2020, from ten intensive care units, all AP. Every image was read by one of
98 radiologists on a template with cardiomegaly and congestion, and with pleural effusion, pneumonic infiltrates and
atelectasis on either side, each in five steps of severity. Internal to the hospital; described by Khader et al.,
"Artificial Intelligence for Clinical Interpretation of Bedside Chest Radiographs", Radiology 307 (2023), and Tayebi
Arasteh et al., "Enhancing diagnostic deep learning via self-supervised pretraining on large-scale, unlabeled
non-medical images", European Radiology Experimental 8, 10 (2024), Tables 1 to 3.

The set is not public. This format is for those who have it, or similar data: one CSV, UTF-8, in the root, plain or .gz,
with one row for each image; the names of its columns are those of the authors' own lists::

    uka_cxr.csv
        image_id                     any text, once
        path                         path of the image, relative to the root: DICOM, PNG or JPEG
        patient_id                   any text, the same on all images of a patient
        study_id, age, sex, split    optional; age in years, sex F, M or blank, split train, val or test
        view                         optional; default AP
        cardiomegaly, congestion, pleural_effusion_right, pleural_effusion_left, pneumonic_infiltrates_right,
        pneumonic_infiltrates_left, atelectasis_right, atelectasis_left
                                     a grade; blank if not asked or not assessable
        healthy                      optional: 1 if the radiologist found nothing, else 0

Grades, as words or numbers (right and left are the patient's)::

    grade   cardiomegaly        the others
    0       normal              negative
    1                           uncertain mild
    2       borderline          mild
    3       enlarged            moderate
    4       massively enlarged  severe

Manifest: a finding is 1 from grade 3 on and 0 below, the binary labels of the study above; a task may set another
threshold, because the grades are kept. Pneumonic infiltrates are called Pneumonia, as there. `No Finding` is healthy;
without that column it is 1 if all eight grades are 0, 0 if any is above, else blank.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset
from hilum.data.collections.image_files import ImageFiles, check_files
from hilum.data.manifest import FIXED_COLUMNS
from hilum.data.patients import with_canonical_patients
from hilum.data.tables import escapes_root, find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import NO_FINDING, labelled_by
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

TABLE = "uka_cxr.csv"
THRESHOLD = 3
"""Lowest grade that is positive in the manifest."""
HEART_STEPS = {"normal": 0, "borderline": 2, "enlarged": 3, "massively enlarged": 4}
STEPS = {"negative": 0, "uncertain mild": 1, "mild": 2, "moderate": 3, "severe": 4}
_NUMBERS = {str(grade): grade for grade in range(5)}
_GRADED = {finding: name for finding, name in labelled_by("uka_cxr").items() if finding != NO_FINDING}
_OPTIONAL = ("study_id", "age", "sex", "split", "view", "healthy")
_SPLITS = ("train", "val", "test")


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the table of UKA-CXR; its columns are described in this module's docstring.

    Returns:
        Manifest with findings by side (1, 0 or null), `study_id`, `view`, `age`, `sex` and `split`; grades of severity.

    Raises:
        HilumError: A missing or invalid table, or missing images; see `hilum.data.collections.read_collection`.
    """
    table = find_table(root, TABLE)
    if table is None:
        fix = "Give the folder that contains it as ROOT; see hilum/data/collections/uka_cxr.py for its columns."
        raise HilumError(root, expected=f"{TABLE}, plain or .gz", found="no such file", fix=fix)
    notes: list[Note] = []
    images, warnings = with_canonical_patients(_read_table(table, notes))
    notes += warnings
    files = ImageFiles(root)
    images = images.with_columns(path=pl.when(files.present(images["path"])).then("path"))
    notes += files.notes()
    check_files(images, allow_missing, notes, root, f"an image for every row of {TABLE}")

    positive = [(pl.col(finding) >= THRESHOLD).cast(pl.Int8).alias(finding) for finding in _GRADED]
    manifest = images.select(*FIXED_COLUMNS, *positive, NO_FINDING)
    grades = images.unpivot(list(_GRADED), index="image_id", variable_name="finding", value_name="grade").drop_nulls()
    sources = {table.relative_to(root).as_posix(): file_sha256(table)}
    return Dataset(manifest, None, root, "uka_cxr", notes, sources, grades=grades)


def _read_table(table: Path, notes: list[Note]) -> pl.DataFrame:
    rows = read_table(table, ["image_id", "path", "patient_id", *_GRADED.values()], _OPTIONAL, of="the UKA-CXR")
    present = [name for name in _OPTIONAL if name in rows.columns]
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in _OPTIONAL if name not in present)
    years = pl.col("age").cast(pl.Float64, strict=False)
    image, path = pl.col("image_id"), pl.col("path")
    escaping = [name for name in rows["path"].drop_nulls() if escapes_root(name)]
    wrong = {
        "image_id": (image.is_null() | image.is_duplicated(), "every image once"),
        "path": (path.is_null() | path.is_in(escaping) | path.is_duplicated(), "a file below the root, once"),
        "patient_id": (pl.col("patient_id").is_null(), "a patient"),
        "age": (pl.col("age").is_not_null() & ~years.is_between(0, 120).fill_null(False), "years, 0 to 120"),
        "sex": (~pl.col("sex").is_in(["F", "M"]), "F, M or blank"),
        "split": (~pl.col("split").is_in(_SPLITS), f"{', '.join(_SPLITS)} or blank"),
        "healthy": (~pl.col("healthy").is_in(["0", "1"]), "1, 0 or blank"),
        **{name: (~pl.col(name).is_in(list(_steps(name))), _expected(name)) for name in _GRADED.values()},
    }
    refuse_lines(table, rows, wrong)
    images = rows.select(
        "image_id",
        path.str.strip_prefix("./"),
        "patient_id",
        "study_id",
        pl.col("view").str.to_uppercase() if "view" in present else pl.lit("AP").alias("view"),
        years,
        "sex",
        "split",
        *(
            pl.col(name).replace_strict(_steps(name), default=None, return_dtype=pl.Int8).alias(finding)
            for finding, name in _GRADED.items()
        ),
        pl.col("healthy").cast(pl.Int8).alias(NO_FINDING),
    )
    if "healthy" in present:
        return images
    notes.append(note(Code.NO_FINDING_OF_GRADES, table=table.name))
    grades = [pl.col(finding) for finding in _GRADED]
    # Kleene's "or" of grades that may be blank: true, false, or blank if none is above 0 but some are unknown
    graded = pl.any_horizontal(grade > 0 for grade in grades)
    return images.with_columns((~graded).cast(pl.Int8).alias(NO_FINDING))


def _steps(name: str) -> dict[str, int]:
    return _NUMBERS | (HEART_STEPS if name == "cardiomegaly" else STEPS)


def _expected(name: str) -> str:
    return ", ".join(HEART_STEPS if name == "cardiomegaly" else STEPS) + ", 0 to 4, or blank"
