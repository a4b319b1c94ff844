"""Manifest: table of the images of a data set, with one row for each image, its label codes and their checks.

Columns: `image_id` (unique), `path` (relative to the data set's root; null if the file is missing), `patient_id`,
`study_id`, `view` ("PA", "AP", "LATERAL", …), `age` (years), `sex` ("F", "M"), `split` (the data set's own: "train",
"val", "test", "train_val"), further published splits as `split_<name>`, then one Int8 column for each finding:
1 positive, 0 negative, -1 uncertain, null not mentioned.

Two optional Boolean columns, used by manifests of folders:

    labelled        false if nobody labelled the image: its blanks are not "not mentioned", no label policy applies to
                    them, and the image is in no split. Without the column every image is labelled.
    patient_known   false if the image came without a patient id; its `patient_id` is its `image_id`. Without the
                    column every patient is known.
"""

from pathlib import Path, PurePosixPath

import polars as pl

from hilum.artifacts import whole_file
from hilum.data.tables import read_parquet, some
from hilum.errors import HilumError, HilumErrors
from hilum.findings import VOCABULARY, is_finding

FIXED_COLUMNS: tuple[str, ...] = ("image_id", "path", "patient_id", "study_id", "view", "age", "sex", "split")
OPTIONAL_COLUMNS: tuple[str, ...] = ("labelled", "patient_known")
SPLITS: tuple[str, ...] = ("train", "val", "test", "train_val")
_MAY_BE_NULL = {"path", "study_id", "view", "age", "sex", "split"}


def split_columns(manifest: pl.DataFrame) -> list[str]:
    """Return the columns of published splits: `split` and every `split_<name>`."""
    return [name for name in manifest.columns if name == "split" or name.startswith("split_")]


def finding_columns(manifest: pl.DataFrame) -> list[str]:
    """Return the columns of findings, in the order of the table."""
    others = {*FIXED_COLUMNS, *OPTIONAL_COLUMNS, *split_columns(manifest)}
    return [name for name in manifest.columns if name not in others]


def is_labelled(manifest: pl.DataFrame) -> pl.Series:
    """Return for each image if it has a label, (N,) Boolean; all true without a column `labelled`."""
    return _marked(manifest, "labelled")


def is_patient_known(manifest: pl.DataFrame) -> pl.Series:
    """Return for each image if its patient is known, (N,) Boolean; all true without a column `patient_known`."""
    return _marked(manifest, "patient_known")


def labelled_images(manifest: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of labelled images, in the manifest's order: those that a split may use."""
    return manifest.filter(is_labelled(manifest))


def check_manifest(manifest: pl.DataFrame, where: object) -> None:
    """Refuse a table that is not a manifest.

    Args:
        manifest: Any table.
        where: File of the table, for the message.

    Raises:
        HilumErrors: With every problem: missing columns, wrong types, repeated ids, unknown codes, impossible ages,
            paths outside the root.
    """
    problems = [f"column {name!r}: expected, but missing" for name in FIXED_COLUMNS if name not in manifest.columns]
    if not problems:
        problems = [*_fixed_column_problems(manifest), *_optional_column_problems(manifest)]
        problems += [*_split_problems(manifest), *_finding_problems(manifest)]
    if problems:
        raise HilumErrors(where, problems, fix="this is not a manifest yet")


def read_manifest(path: Path) -> pl.DataFrame:
    """Read and check a `manifest.parquet`.

    Raises:
        HilumError: The file is missing, not Parquet, or not a manifest.
    """
    if not path.is_file():
        raise HilumError(path, expected="a manifest", found="no such file", fix="Make it with `hilum ingest`.")
    manifest = read_parquet(path, what="a manifest", fix="Run `hilum ingest` again.")
    check_manifest(manifest, path)
    return manifest


def write_manifest(manifest: pl.DataFrame, path: Path) -> None:
    """Check and write a manifest, atomically."""
    check_manifest(manifest, path)
    with whole_file(path) as beside:
        manifest.write_parquet(beside)


def _marked(manifest: pl.DataFrame, column: str) -> pl.Series:
    if column in manifest.columns:
        return manifest[column]
    return pl.repeat(True, len(manifest), dtype=pl.Boolean, eager=True).alias(column)


def _optional_column_problems(manifest: pl.DataFrame) -> list[str]:
    problems = []
    for name in OPTIONAL_COLUMNS:
        if name in manifest.columns and manifest.schema[name] != pl.Boolean:
            problems.append(f"column {name!r}: expected true or false, found {manifest.schema[name]}")
        elif name in manifest.columns and manifest[name].null_count():
            problems.append(
                f"column {name!r}: expected a value in every row, found {manifest[name].null_count():,} blank"
            )
    if not problems and "labelled" in manifest.columns and (findings := finding_columns(manifest)):
        wrong = manifest.filter(~pl.col("labelled") & ~pl.all_horizontal(pl.col(findings).is_null()))
        if len(wrong):
            ids = some(wrong["image_id"])
            problems.append(f"column 'labelled': expected true where a finding has a code, found false for {ids}")
    return problems


def _fixed_column_problems(manifest: pl.DataFrame) -> list[str]:
    problems = [
        f"column {name!r}: expected {'numbers' if name == 'age' else 'text'}, found {manifest.schema[name]}"
        for name in FIXED_COLUMNS
        if manifest.schema[name] not in ((pl.Float64, pl.Null) if name == "age" else (pl.String, pl.Null))
    ]
    if problems:
        return problems
    for name in FIXED_COLUMNS:
        blanks = manifest[name].null_count()
        if blanks and name not in _MAY_BE_NULL:
            problems.append(f"column {name!r}: expected a value in every row, found {blanks:,} blank")
    repeated = manifest.filter(pl.col("image_id").is_duplicated())["image_id"].unique().sort()
    if len(repeated):
        problems.append(f"column 'image_id': expected every id once, found {some(repeated)} more than once")
    outside = manifest.filter(~pl.col("age").is_between(0, 120))["age"].unique().sort()
    if len(outside):
        problems.append(f"column 'age': expected 0 to 120 years, found {some(outside)}")
    codes = manifest.filter(~pl.col("sex").is_in(["F", "M"]))["sex"].unique().sort()
    if len(codes):
        problems.append(f"column 'sex': expected F, M or blank, found {some(codes)}")
    escaping = [path for path in manifest["path"].drop_nulls() if _escapes_root(path)]
    if escaping:
        problems.append(f"column 'path': expected paths below the root, found {some(escaping)}")
    return problems


def _split_problems(manifest: pl.DataFrame) -> list[str]:
    problems = []
    for name in split_columns(manifest):
        others = [value for value in manifest[name].unique().drop_nulls().sort() if value not in SPLITS]
        if others:
            problems.append(f"column {name!r}: expected {', '.join(SPLITS)} or blank, found {some(others)}")
    return problems


def _finding_problems(manifest: pl.DataFrame) -> list[str]:
    problems = []
    for name in finding_columns(manifest):
        if name not in VOCABULARY:
            problem = "another spelling of one" if is_finding(name) else "neither a finding nor a manifest column"
            problems.append(f"column {name!r}: expected canonical findings, found {problem}")
        elif not manifest.schema[name].is_integer() and manifest.schema[name] != pl.Null:
            problems.append(f"column {name!r}: expected whole numbers, found {manifest.schema[name]}")
        else:
            codes = manifest.filter(~pl.col(name).is_in([-1, 0, 1]))[name].unique().sort()
            if len(codes):
                problems.append(f"column {name!r}: expected 1, 0, -1 or blank, found {some(codes)}")
    return problems


def _escapes_root(path: str) -> bool:
    return path.startswith("/") or ".." in PurePosixPath(path).parts
