"""PadChest, chest radiographs of the Hospital San Juan, Alicante, with labels from Spanish reports.

160,868 images of 67,625 patients, 2009 to 2017, in six projections, 16-bit gray PNG at full size. 174 findings, 19
diagnoses and 104 locations, each with its UMLS number (CUI): 27 % of the reports were labelled by physicians, the
others by a network trained on these (column MethodLabel). A few dozen PNG files of the distribution are truncated;
building a store rejects them.

Terms: the PadChest Dataset Research Use Agreement of BIMCV; no redistribution. Bustos, Pertusa, Salinas, de la
Iglesia-Vayá, "PadChest: A large chest x-ray image dataset with multi-label annotated reports", Medical Image Analysis
66, 101797 (2020). Download: https://bimcv.cipf.es/bimcv-projects/padchest/.

Native files below the root (the table plain or .gz)::

    PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv
        ImageID, ImageDir (0 to 54), StudyDate_DICOM, StudyID, PatientID, PatientBirth (a year), PatientSex_DICOM,
        Projection, Labels (a Python list such as ['pleural effusion', 'COPD signs']), …
    0/*.png … 54/*.png, or images/…, or all of them in one folder

Not read: Report (Spanish, stemmed: no report text leaves the table), Localizations, LabelsLocalizationsBySentence, the
CUIs, which repeat the labels, and the DICOM columns.

Manifest: `image_id` is ImageID, `patient_id` PatientID, `study_id` StudyID; `age` is the year of the study minus that
of birth; `view` is Projection: PA, AP, AP_HORIZONTAL (supine), LATERAL for L, COSTAL (ribs), EXCLUDE. There is no
official split: `split` is blank. A finding is 1 if one of its terms (`TERMS`) is among the labels, else 0: a labelled
report is labelled for every term. All findings are blank if Labels is blank or has only "exclude", "suboptimal study"
and "unchanged". Terms are grouped as in the paper's tree (its Fig. 3) if they keep their meaning: laminar atelectasis
is Atelectasis, but subcutaneous emphysema is not Emphysema, a pseudonodule is not a Nodule, and Congestion is "hilar
congestion", the only term with that word. `Nodule/Mass` is derived from its parts.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles, check_files, note_unlisted_files
from hilum.data.patients import with_canonical_patients
from hilum.data.tables import find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import bare_name, labelled_by, labelled_spellings
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

TABLES = ("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", "PADCHEST_chest_x_ray_images_labels_160K.csv")
_FURTHER_TERMS: Mapping[str, tuple[str, ...]] = {
    "Atelectasis": (
        *("atelectasis basal", "laminar atelectasis", "lobar atelectasis", "round atelectasis"),
        *("segmental atelectasis", "total atelectasis"),
    ),
    "Pleural Effusion": (
        *("empyema", "hemothorax", "hydropneumothorax", "loculated fissural effusion"),
        "loculated pleural effusion",
    ),
    "Mass": ("mediastinal mass", "pleural mass", "pulmonary mass"),
    "Nodule": ("multiple nodules",),
    "Pneumonia": ("atypical pneumonia",),
    "Pneumothorax": ("hydropneumothorax",),
    "Pleural Thickening": ("apical pleural thickening", "calcified pleural thickening"),
    "Hernia": ("hernia",),
    "Aortic Elongation": (*("ascendent aortic elongation", "descendent aortic elongation", "supra aortic elongation"),),
}
TERMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: (term.lower(), *_FURTHER_TERMS.get(name, ())) for name, term in labelled_by("padchest").items()}
)
"""Findings and their terms, in lower case."""
# Terms without information on findings, and their normalised forms.
_SILENT = {term: bare_name(term) for term in ("exclude", "suboptimal study", "unchanged")}
_NOT_BARE = (r"[^\p{L}\p{N}]", "")  # what `bare_name` removes from lower-case text
_LIST = r"""^\[\s*(?:(?:'[^']*'|"[^"]*"|nan)\s*(?:,\s*(?:'[^']*'|"[^"]*"|nan)\s*)*,?\s*)?\]$"""
_FILE = r"^[^/\\:]+\.png$"
_FOLDERS = ("", *map(str, range(55)))
_COLUMNS = [
    "ImageID",
    "ImageDir",
    "StudyDate_DICOM",
    "StudyID",
    "PatientID",
    "PatientBirth",
    "PatientSex_DICOM",
    "Projection",
    "Labels",
]


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the table of PadChest; the native files are listed in this module's docstring.

    Returns:
        Manifest with labels from reports (1, 0 or null), `study_id`, `view`, `age` and `sex`, and no split.

    Raises:
        HilumError: A missing or invalid table, or missing images; see `hilum.data.collections.read_collection`.
    """
    table = find_table(root, *TABLES)
    if table is None:
        fix = "Give the folder that contains it as ROOT (https://bimcv.cipf.es/bimcv-projects/padchest/)."
        raise HilumError(root, expected=f"PadChest's {TABLES[0]}, plain or .gz", found="no such file", fix=fix)
    notes: list[Note] = []
    rows = _read_table(table)
    rows, warnings = with_canonical_patients(rows.rename({"PatientID": "patient_id"}))
    notes += warnings
    rows = rows.rename({"patient_id": "PatientID"})
    radiographs = _about(rows, notes).with_columns(_findings(rows, table, notes))

    files = ImageFiles(root)
    images = files.listed([*_FOLDERS, *(f"images/{folder}".rstrip("/") for folder in _FOLDERS)], ".png")
    images = images.rename({"name": "image_id"})
    radiographs = radiographs.join(images, on="image_id", how="left", maintain_order="left")
    notes += files.notes()
    check_files(radiographs, allow_missing, notes, root, "an image for every row of the table")
    note_unlisted_files(images, radiographs, table, notes)
    sources = {table.relative_to(root).as_posix(): file_sha256(table)}
    manifest = as_manifest(radiographs, *TERMS)
    return Dataset(manifest, None, root, "padchest", notes, sources)


def _read_table(table: Path) -> pl.DataFrame:
    rows = read_table(table, _COLUMNS, of="PadChest's")
    image, study = pl.col("ImageID"), pl.col("StudyID")
    birth = pl.col("PatientBirth").cast(pl.Float64, strict=False)
    labels = pl.col("Labels")
    wrong = {
        "ImageID": (~image.str.contains(_FILE).fill_null(False) | image.is_duplicated(), "every image once, as x.png"),
        "StudyID": (study.is_null(), "the name of a study"),
        "PatientBirth": (birth.is_null() & pl.col("PatientBirth").is_not_null(), "a year"),
        "Labels": (labels.is_not_null() & (labels != "nan") & ~labels.str.contains(_LIST), "a list such as ['normal']"),
    }
    refuse_lines(table, rows, wrong)
    return rows


def _about(rows: pl.DataFrame, notes: list[Note]) -> pl.DataFrame:
    year = pl.col("StudyDate_DICOM").str.extract(r"^(\d{4})\d{4}(?:\.0)?$", 1).cast(pl.Float64)
    age = year - pl.col("PatientBirth").cast(pl.Float64)
    sex = pl.col("PatientSex_DICOM")
    view = pl.col("Projection").str.to_uppercase()
    counts = {
        Code.STUDIES_FOR_PATIENTS: rows["PatientID"].null_count(),
        Code.IMPOSSIBLE_AGES: int(rows.select((~age.is_between(0, 120)).sum()).item()),
    }
    notes += [note(code, images=count) for code, count in counts.items() if count]
    return rows.select(
        pl.col("ImageID").alias("image_id"),
        pl.coalesce("PatientID", pl.lit("study ") + pl.col("StudyID")).alias("patient_id"),
        pl.col("StudyID").alias("study_id"),
        pl.when(view == "L").then(pl.lit("LATERAL")).otherwise(view).alias("view"),
        pl.when(age.is_between(0, 120)).then(age).alias("age"),
        pl.when(sex.is_in(["F", "M"])).then(sex).alias("sex"),
    )


def _findings(rows: pl.DataFrame, table: Path, notes: list[Note]) -> list[pl.Series]:
    """Return one series for each finding. Many reports have the same labels, so each text is parsed once."""
    wordings = rows.select(wording=pl.col("Labels")).unique(maintain_order=True)
    terms = pl.col("wording").str.extract_all(r"'[^']*'|\"[^\"]*\"")
    terms = terms.list.eval(pl.element().str.strip_chars("'\" ").str.to_lowercase())
    # Locations belong to other columns; a few are also in this one.
    terms = terms.list.eval(pl.element().filter((pl.element() != "") & ~pl.element().str.starts_with("loc ")))
    wordings = wordings.with_columns(terms=terms.list.eval(pl.element().str.replace_all(*_NOT_BARE)))
    reported = pl.col("terms").list.set_difference(list(_SILENT.values())).list.len().fill_null(0) > 0
    wordings = wordings.with_columns(
        *(
            pl.when(reported)
            .then(pl.col("terms").list.set_intersection(_spellings(finding, names)).list.len() > 0)
            .cast(pl.Int8)
            .alias(finding)
            for finding, names in TERMS.items()
        ),
        *(pl.col("terms").list.contains(bare).fill_null(False).alias(term) for term, bare in _SILENT.items()),
        unlabelled=pl.col("terms").list.len().fill_null(0) == 0,
    )
    radiographs = rows.select(wording=pl.col("Labels")).join(
        wordings, on="wording", how="left", maintain_order="left", nulls_equal=True
    )
    if unlabelled := radiographs["unlabelled"].sum():
        notes.append(note(Code.UNLABELLED_IMAGES, images=unlabelled, table=table.name))
    counts = {label: radiographs[label].sum() for label in ("exclude", "suboptimal study", "unchanged")}
    notes += [note(Code.LABELLED_AS, images=count, label=label) for label, count in counts.items() if count]
    return [radiographs[finding] for finding in TERMS]


def _spellings(finding: str, terms: tuple[str, ...]) -> list[str]:
    """Return PadChest's terms for a finding and all its other spellings, normalised by `bare_name`."""
    known = (spelling for spelling, meant in labelled_spellings("padchest").items() if meant == finding)
    return sorted({*map(bare_name, terms), *known})
