"""CheXpert, chest radiographs of Stanford Hospital with labels mined from reports.

224,316 images of 65,240 patients, 2002 to 2017, frontal and lateral, 8-bit gray JPEG at full size or ("small") about
390 x 320. Of the published images 223,414 (191,027 frontal) of 64,540 patients are in train.csv, and 234 (202 frontal)
of 200 patients, read by three radiologists, in valid.csv. The 668 images of 500 patients of the test set were published
later, with CheXlocalize. 14 observations: 1.0 positive, 0.0 negative, -1.0 uncertain, blank not mentioned; "No Finding"
is 1.0 or blank in train.csv, since the labeller never negates it.

Terms: the Stanford University School of Medicine CheXpert Dataset Research Use Agreement: no clinical use, no
redistribution. Irvin, Rajpurkar, Ko et al., "CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and
Expert Comparison", AAAI 2019. Download: https://stanfordmlgroup.github.io/competitions/chexpert/; test set:
https://stanfordaimi.azurewebsites.net (Saporta et al., Nature Machine Intelligence 4, 2022).

Native files in the root, in CheXpert-v1.0, CheXpert-v1.0-small or "CheXpert-v1.0 batch 1 (validate & csv)" below it::

    train.csv, valid.csv     Path, Sex, Age, Frontal/Lateral, AP/PA, and the 14 observations
    test_labels.csv          (or test.csv) Path and the observations
    train/patient00001/study1/view1_frontal.jpg
        or, in the distribution by batches, "CheXpert-v1.0 batch 2 (train 1)/patient00001/study1/view1_frontal.jpg"

Of a Path such as CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg the part from train, valid or test on
is used.

Manifest: `image_id` is this part of the path; `patient_id` patient00001; `study_id` patient00001/study1; `split` train,
val (the official validation set; a study may define another split to test on it) and test. `view` is LATERAL for
lateral images, else PA or AP; FRONTAL if a frontal image's column AP/PA has neither (17 images of train.csv have LL or
RL, and test_labels.csv has no such column). `age` is blank for 0 (unknown; 90 means 90 and above), `sex` for Unknown.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.chexpert_codes import codes, wrong_codes
from hilum.data.collections.dataset import Dataset
from hilum.data.collections.image_files import ImageFiles, check_files
from hilum.data.manifest import FIXED_COLUMNS
from hilum.data.tables import find_table, read_table, refuse_lines
from hilum.errors import HilumError
from hilum.findings import CHEXPERT
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

_FOLDERS = ("", "CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert-v1.0 batch 1 (validate & csv)")
_BATCHES = tuple(f"CheXpert-v1.0 batch {part + 1} (train {part})" for part in (1, 2, 3))
_TABLES: dict[str, tuple[str, ...]] = {
    "train": ("train.csv",),
    "val": ("valid.csv",),
    "test": ("test_labels.csv", "test.csv"),
}
_ABOUT = ("Sex", "Age", "Frontal/Lateral", "AP/PA")
# Only the data set's own names, so that no path leaves the root.
_PATH = (
    r"^(?:CheXpert-v1\.0(?:-small)?/)?"
    r"((?:train|valid|test)/(patient\d+)/(study\d+)/view\d+_(frontal|lateral)\.jpg)$"
)


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    on_progress: ProgressReport = silent,
) -> Dataset:
    """Read the tables of CheXpert; the native files are listed in this module's docstring.

    Returns:
        Manifest with the 14 observations (1, 0, -1 or null), `study_id`, `view`, `age`, `sex` and `split` (train, val,
        test).

    Raises:
        HilumError: Missing or invalid tables or images; see `hilum.data.collections.read_collection`.
    """
    folder, tables = _find_tables(root)
    notes: list[Note] = []
    parts = []
    for number, (split, table) in enumerate(tables.items()):
        on_progress(number, len(tables), table.name)
        parts.append(_read_table(table, split, notes))
    images = pl.concat(parts)
    if len(repeated := images.filter(pl.col("image_id").is_duplicated())["image_id"]):
        where = " and ".join(str(table) for table in tables.values())
        raise HilumError(where, expected="every image once", found=f"{repeated[0]} twice", fix="Get the tables again.")

    files = ImageFiles(root)
    images = images.with_columns(path=_find_images(images["image_id"], folder, files))
    notes += files.notes()
    check_files(images, allow_missing, notes, root, "an image for every row of the tables")
    sources = {table.relative_to(root).as_posix(): file_sha256(table) for table in tables.values()}
    return Dataset(images.select(*FIXED_COLUMNS, *CHEXPERT), None, root, "chexpert", notes, sources)


def _find_tables(root: Path) -> tuple[str, dict[str, Path]]:
    """Return the folder of the tables, relative to the root, and the table of each split."""
    here = {}
    for folder in _FOLDERS:
        found = {split: find_table(root / folder, *names) for split, names in _TABLES.items()}
        if any(found.values()):
            here[folder] = {split: path for split, path in found.items() if path is not None}
    if not here:
        raise HilumError(
            root,
            expected="CheXpert's train.csv or valid.csv, here or in CheXpert-v1.0 or CheXpert-v1.0-small",
            found="neither",
            fix="Give the folder that contains them as ROOT.",
        )
    if len(here) > 1:
        found_in = " and ".join(repr(folder or ".") for folder in here)
        raise HilumError(root, expected="one CheXpert", found=f"tables in {found_in}", fix="Give one of them as ROOT.")
    return next(iter(here.items()))


def _read_table(table: Path, split: str, notes: list[Note]) -> pl.DataFrame:
    about = () if split == "test" else _ABOUT
    rows = read_table(table, ["Path", *about, *CHEXPERT], [] if about else _ABOUT, of="CheXpert's")
    rows = rows.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in _ABOUT if name not in rows.columns)
    years = pl.col("Age").str.extract(r"^(\d+)(?:\.0*)?$", 1).cast(pl.Float64)
    wrong = {
        "Path": (
            ~pl.col("Path").str.contains(_PATH).fill_null(False) | pl.col("Path").is_duplicated(),
            "every image once, as train/patient00001/study1/view1_frontal.jpg",
        ),
        "Sex": (~pl.col("Sex").is_in(["Female", "Male", "Unknown"]), "Female, Male or Unknown"),
        "Age": (pl.col("Age").is_not_null() & ~years.is_between(0, 120).fill_null(False), "years, 0 to 120"),
        "Frontal/Lateral": (~pl.col("Frontal/Lateral").is_in(["Frontal", "Lateral"]), "Frontal or Lateral"),
        **wrong_codes(),
    }
    refuse_lines(table, rows, wrong)

    place = pl.col("Path").str.extract_groups(_PATH).struct
    lateral = pl.coalesce(pl.col("Frontal/Lateral").str.to_lowercase(), place.field("4")) == "lateral"
    images = rows.select(
        place.field("1").alias("image_id"),
        place.field("2").alias("patient_id"),
        pl.concat_str(place.field("2"), pl.lit("/"), place.field("3")).alias("study_id"),
        pl.when(lateral)
        .then(pl.lit("LATERAL"))
        .when(pl.col("AP/PA").is_in(["AP", "PA"]))
        .then("AP/PA")
        .otherwise(pl.lit("FRONTAL"))
        .alias("view"),
        pl.when(years > 0).then(years).alias("age"),
        pl.col("Sex").replace_strict({"Female": "F", "Male": "M"}, default=None, return_dtype=pl.String).alias("sex"),
        pl.lit(split).alias("split"),
        *codes(),
    )
    _note_oddities(table, rows, images, years, notes)
    return images


def _note_oddities(table: Path, rows: pl.DataFrame, images: pl.DataFrame, years: pl.Expr, notes: list[Note]) -> None:
    counts = {
        Code.AGES_OF_ZERO: int(rows.select((years == 0).sum()).item()),
        Code.UNKNOWN_SEX: int((rows["Sex"] == "Unknown").sum()),
        Code.FRONTAL_VIEWS: int((images["view"] == "FRONTAL").sum()),
    }
    notes += [note(code, images=count).about(table.name) for code, count in counts.items() if count]


def _find_images(names: pl.Series, folder: str, files: ImageFiles) -> pl.Series:
    """Return the path of each image relative to the root, or null: beside the tables first, then in the batches."""
    name = names.to_frame("name").select("name", bare=pl.col("name").str.strip_prefix("train/"))
    beside = f"{folder}/".lstrip("/")
    # Other batches are next to the batch with the tables, in the root.
    candidates = [pl.lit(beside) + pl.col("name"), *(pl.lit(f"{batch}/") + pl.col("bare") for batch in _BATCHES)]
    found = name.select(pl.lit(None, dtype=pl.String).alias("path"), "name", "bare")
    for candidate in candidates:
        tried = found.select(pl.when(pl.col("path").is_null()).then(candidate).alias("path"))["path"]
        here = files.present(tried)
        found = found.with_columns(pl.coalesce("path", pl.when(here).then(tried)).alias("path"))
        if found["path"].null_count() == 0:
            break
    return found["path"]
