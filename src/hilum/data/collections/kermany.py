"""Kermany's chest radiographs of children with and without pneumonia ("Chest X-Ray Images (Pneumonia)" on Kaggle).

5,856 frontal (AP) images, JPEG of many sizes, of children of one to five years at the Guangzhou Women and Children's
Medical Center: 1,583 NORMAL, 4,273 PNEUMONIA (2,780 bacterial, 1,493 viral). Kaggle's version has 5,216 train, 16 val
and 624 test images. Labelled by two physicians, the test images by a third one as well.

Terms: CC BY 4.0. Download: https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia or, with train and
test only, https://data.mendeley.com/datasets/rscbjbr9sj. Cite Kermany, Goldbaum, Cai, et al., "Identifying Medical
Diagnoses and Treatable Diseases by Image-Based Deep Learning", Cell 172(5):1122-1131, 2018.

Native files below the root, or below chest_xray/ in it; there is no table, the names contain the labels:

    {train,val,test}/NORMAL/IM-0115-0001.jpeg, NORMAL2-IM-1427-0001.jpeg
    {train,val,test}/PNEUMONIA/person123_bacteria_456.jpeg, person1_virus_6.jpeg
    train/PNEUMONIA/BACTERIA-1135262-0001.jpeg, VIRUS-…, …/NORMAL-…        as in Mendeley's later version

Copies of the archive within itself (chest_xray/chest_xray), __MACOSX and hidden files are ignored.

Manifest: `image_id` is the path from train, val or test on, since names repeat in other folders. "Pneumonia" and "No
Finding" follow from the folder; "Bacterial Pneumonia" and "Viral Pneumonia" from the name (null if it has neither).
`view` is AP; `age` and `sex` are not published.

Patients: a child has several images (person23_bacteria_76, person23_bacteria_77); the same person number under bacteria
and virus is assumed to be one child. Numbers repeat in test (person1_bacteria_1 in train, person1_virus_6 in test),
where a new numbering is assumed: such a child is "test-person1", and "train-person1" in train and val, which share one
numbering because Kaggle's val was taken from train. The identities are not published, so that this cannot be verified;
search for near-duplicates across the folders. The random numbers of the later version (1135262) are unique everywhere.
"""

from pathlib import Path

import polars as pl

from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles
from hilum.data.tables import refuse_missing_unless, some
from hilum.errors import HilumError
from hilum.findings import NO_FINDING
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

PARTS: tuple[str, ...] = ("train", "val", "test")
CLASSES: tuple[str, ...] = ("NORMAL", "PNEUMONIA")
_NUMBERED = r"^(person\d+|(?:NORMAL\d*-)?IM-\d+)[-_]"
_EVERYWHERE = r"^(?:BACTERIA|VIRUS|NORMAL)-(\d+)-"
_KINDS = {"Bacterial Pneumonia": r"(?i)^(?:person\d+_)?bacteria", "Viral Pneumonia": r"(?i)^(?:person\d+_)?virus"}


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the folders of Kermany's images; the layout is described in this module's docstring.

    Returns:
        Manifest with Pneumonia, its two types and No Finding, patients inferred from names, and `split` (train, val,
        test).

    Raises:
        HilumError: Missing folders; see `hilum.data.collections.read_collection`.
    """
    notes: list[Note] = []
    base = "chest_xray/" if not (root / "train").is_dir() and (root / "chest_xray" / "train").is_dir() else ""
    files = ImageFiles(root)
    folders = {(part, name): f"{base}{part}/{name}" for part in PARTS for name in CLASSES}
    found = {key: _files_in(files, folder) for key, folder in folders.items()}
    radiographs = pl.concat(
        images.with_columns(part=pl.lit(part), folder=pl.lit(name)) for (part, name), images in found.items()
    )
    if radiographs.is_empty():
        raise HilumError(
            root,
            expected="chest_xray/train/NORMAL/*.jpeg and the like",
            found="none",
            fix="Get it: https://www.kaggle.com/datasets/paultimothymooney/chest-xray-pneumonia.",
        )
    absent = [folder for (part, _), folder in folders.items() if part != "val" and not (root / folder).is_dir()]
    refuse_missing_unless(allow_missing, notes, root, "a folder of each class in train and test", absent)
    if not (root / f"{base}val").is_dir():
        notes.append(note(Code.NO_VAL_FOLDER))

    manifest = _manifest(
        radiographs.with_columns(pl.col("path").str.strip_prefix(base).alias("image_id")).sort("image_id")
    )
    _note_oddities(manifest, notes)
    return Dataset(manifest, None, root, "kermany", [*notes, *files.notes()], {})


def _files_in(files: ImageFiles, folder: str) -> pl.DataFrame:
    listed = [files.listed([folder], suffix) for suffix in (".jpeg", ".jpg")]
    return pl.concat(listed)


def _manifest(radiographs: pl.DataFrame) -> pl.DataFrame:
    sick = pl.col("folder") == "PNEUMONIA"
    numbering = pl.when(pl.col("part") == "test").then(pl.lit("test-")).otherwise(pl.lit("train-"))
    patient = pl.coalesce(
        pl.col("name").str.extract(_EVERYWHERE, 1),
        numbering + pl.col("name").str.extract(_NUMBERED, 1),
        pl.col("image_id"),
    )
    kind = {finding: pl.col("name").str.contains(pattern) for finding, pattern in _KINDS.items()}
    typed = pl.any_horizontal(*kind.values())
    images = radiographs.with_columns(
        patient.alias("patient_id"), pl.lit("AP").alias("view"), pl.col("part").alias("split")
    )
    return as_manifest(
        images,
        sick.cast(pl.Int8).alias("Pneumonia"),
        *(
            pl.when(~sick).then(0).when(typed).then(named.cast(pl.Int8)).cast(pl.Int8).alias(finding)
            for finding, named in kind.items()
        ),
        (~sick).cast(pl.Int8).alias(NO_FINDING),
    )


def _note_oddities(manifest: pl.DataFrame, notes: list[Note]) -> None:
    nameless = manifest.filter(pl.col("patient_id") == pl.col("image_id"))["image_id"]
    if len(nameless):
        notes.append(note(Code.NAMES_WITHOUT_PATIENT, images=len(nameless), examples=some(nameless)))
    numbers = manifest.select("split", pl.col("patient_id").str.extract(r"^(?:train|test)-(.+)$", 1).alias("number"))
    again = numbers.filter(pl.col("split") == "test").join(
        numbers.filter(pl.col("split") != "test"), on="number", how="semi"
    )["number"]
    if len(again):
        examples = some(again.unique().sort())
        notes.append(note(Code.NUMBERS_IN_TRAIN_AND_TEST, patients=again.n_unique(), examples=examples))
    unlabelled = manifest["Bacterial Pneumonia"].null_count()
    if unlabelled:
        notes.append(note(Code.UNKNOWN_TYPES, images=unlabelled))
