"""ChestX-ray14 (also: ChestX-ray8, NIH CXR14), frontal radiographs of the NIH Clinical Center.

112,120 films of 30,805 patients, 8-bit gray (a few RGBA) PNG of 1024 x 1024; 14 findings and "No Finding", text-mined
from reports (absent from the text counts as negative); 984 boxes on 880 films, drawn by a radiologist.

Terms: the NIH Clinical Center puts no restrictions on use; it asks to link https://nihcc.app.box.com/v/ChestXray-NIHCC,
to cite Wang, Peng, Lu, Lu, Bagheri, Summers, "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on
Weakly-Supervised Classification and Localization of Common Thorax Diseases", CVPR 2017, pp. 3462-3471, and to name the
NIH Clinical Center as the provider of the data. That link is also where to get it.

Native files below the root (each table plain or .gz):

    Data_Entry_2017_v2020.csv    labels, release "2020"; Data_Entry_2017.csv is the first release, "2017"
    BBox_List_2017.csv           boxes in the 1024 frame, whatever size the images here have
    train_val_list.txt, test_list.txt                      the official lists  ->  split
    chexnet_split/{train,val,test}_list.txt                CheXNet's lists     ->  split_chexnet
        or chexnet_{train,val,test}_list.txt               (their own labels are of an older release and are not read)
    images/*.png, images_001/images/*.png … images_012, or *.png

Manifest: `image_id` is the native name with .png; `patient_id` the native number; `view` PA or AP; `age` in years,
blank where it is beyond 120 (a known error of the first release); no `study_id`.
"""

from pathlib import Path

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.collected import Collected
from hilum.data.collections.image_files import ImageFiles
from hilum.errors import HilumError, HilumErrors
from hilum.findings import CHESTXRAY14, NO_FINDING, canonical, native
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
) -> Collected:
    """Read the native layout below `root`; see `hilum.data.collections.read_collection`."""
    table = _find_table(root, release)
    sources = {table.relative_to(root).as_posix(): file_sha256(table)}
    notes = [f"labels of {table.name}"]
    films = _with_findings(_read_table(table, notes), table)

    for column, lists in (("split", _OFFICIAL), ("split_chexnet", _CHEXNET)):
        listed = _read_lists(root, lists, sources)
        if listed is None:
            notes.append(f"no {'official' if column == 'split' else 'CheXNet'} lists here: {column} is blank")
            films = films.with_columns(pl.lit(None, dtype=pl.String).alias(column))
            continue
        unknown = listed.join(films, on="image_id", how="anti")
        if len(unknown):
            _refuse_unless(
                allow_missing, notes, table, f"a row for every film on the lists of {column}", unknown["image_id"]
            )
        films = films.join(listed.rename({"part": column}), on="image_id", how="left", maintain_order="left")

    files = ImageFiles(root)
    images = files.listed(_FOLDERS, ".png").rename({"name": "image_id"})
    films = films.join(images, on="image_id", how="left", maintain_order="left")
    missing = films.filter(pl.col("path").is_null())["image_id"]
    if len(missing):
        _refuse_unless(allow_missing, notes, root, "an image for every row of the table", missing)
    strangers = len(images.join(films, on="image_id", how="anti"))
    if strangers:
        notes.append(f"{strangers:,} PNG files have no row in {table.name} and were left out")

    notes += files.notes()
    findings = [*CHESTXRAY14, NO_FINDING]
    manifest = films.select(
        "image_id",
        "path",
        "patient_id",
        pl.lit(None, dtype=pl.String).alias("study_id"),
        "view",
        "age",
        "sex",
        "split",
        "split_chexnet",
        *findings,
    )
    return Collected(manifest, _read_boxes(root, manifest, sources, notes), root, "chestxray14", notes, sources)


def _find(root: Path, *names: str) -> Path | None:
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def _find_table(root: Path, release: str | None) -> Path:
    if release is not None and release not in _TABLES:
        raise HilumError("release", expected=f"one of {', '.join(_TABLES)}", found=repr(release), fix="Use 2020.")
    names = [_TABLES[release]] if release else list(_TABLES.values())
    table = _find(root, *names)
    if table is None:
        raise HilumError(
            root,
            expected=f"ChestX-ray14's table {' or '.join(names)}, plain or .gz",
            found="neither" if len(names) > 1 else "no such file",
            fix="Name the folder that holds it as ROOT (get it from https://nihcc.app.box.com/v/ChestXray-NIHCC).",
        )
    return table


def _read_table(table: Path, notes: list[str]) -> pl.DataFrame:
    # The first release ends with a comma.
    text = pl.read_csv(table, infer_schema=False, truncate_ragged_lines=True, raise_if_empty=False)
    absent = [f"column {name!r}: expected, but missing" for name in _COLUMNS if name not in text.columns]
    if absent:
        raise HilumErrors(table, absent, fix="this is not ChestX-ray14's table")
    rows = text.select(pl.col(native_name).str.strip_chars().alias(name) for native_name, name in _COLUMNS.items())
    years = pl.col("age").str.extract(r"^0*(\d+)Y?$", 1).cast(pl.Float64)
    problems = [
        f"line {line}: {column} is {value!r}, expected {expected}"
        for column, bad, expected in (
            ("Image Index", pl.col("image_id").is_null() | pl.col("image_id").is_duplicated(), "every film once"),
            ("Patient ID", pl.col("patient_id").is_null(), "a number"),
            ("Finding Labels", pl.col("labels").is_null(), "findings, or No Finding"),
            ("Patient Age", years.is_null() & pl.col("age").is_not_null(), "years, such as 58 or 058Y"),
            ("Patient Gender", ~pl.col("sex").is_in(["F", "M"]), "F or M"),
        )
        for line, value in rows.with_row_index("line", 2).filter(bad).select("line", _COLUMNS[column]).head(3).rows()
    ]
    if problems:
        raise HilumErrors(table, problems, fix="get the table again, or mend these lines")
    rows = rows.with_columns(years.alias("age"), pl.col("view").str.to_uppercase())
    impossible = int((rows["age"] > 120).sum())
    if impossible:
        notes.append(f"{impossible:,} ages beyond 120 years are data errors and were left blank")
    return rows.with_columns(pl.when(pl.col("age") <= 120).then("age").alias("age"))


def _with_findings(rows: pl.DataFrame, table: Path) -> pl.DataFrame:
    names = pl.col("labels").str.split("|")
    for name in rows.select(names.explode().unique().sort()).to_series():
        canonical(name, where=f"{table}, Finding Labels")
    films = rows.with_columns(
        names.list.contains(native(finding, "chestxray14")).cast(pl.Int8).alias(finding)
        for finding in (*CHESTXRAY14, NO_FINDING)
    )
    torn = films.filter((pl.col(NO_FINDING) == 1) & pl.any_horizontal(pl.col(CHESTXRAY14) == 1))["image_id"]
    if len(torn):
        raise HilumError(
            f"{table}, Finding Labels",
            expected="findings, or No Finding, never both",
            found=f"both on {_some(torn)}",
            fix="Mend these rows.",
        )
    return films.drop("labels")


def _read_lists(root: Path, lists: dict[str, tuple[str, ...]], sources: dict[str, str]) -> pl.DataFrame | None:
    found = {part: _find(root, *names) for part, names in lists.items()}
    if not any(found.values()):
        return None
    parts = []
    for part, path in found.items():
        if path is None:
            expected = f"{lists[part][0]} beside the other lists"
            raise HilumError(root, expected=expected, found="no such file", fix="Get it, or remove the other lists.")
        sources[path.relative_to(root).as_posix()] = file_sha256(path)
        # CheXNet's lines go on with 14 zeros and ones; a separator that no file holds keeps each line whole.
        schema = {"line": pl.String}
        lines = pl.read_csv(
            path, has_header=False, separator="\x1f", quote_char=None, schema=schema, raise_if_empty=False
        )
        names = lines.select(pl.col("line").str.strip_chars().str.split(" ").list.first().alias("image_id"))
        parts.append(names.filter(pl.col("image_id") != "").with_columns(pl.lit(part).alias("part")))
    listed = pl.concat(parts)
    twice = listed.filter(pl.col("image_id").is_duplicated())["image_id"].unique().sort()
    if len(twice):
        where = " and ".join(str(path) for path in found.values())
        raise HilumError(where, expected="every film on one list, once", found=f"{_some(twice)} again", fix="Mend it.")
    return listed


def _read_boxes(root: Path, manifest: pl.DataFrame, sources: dict[str, str], notes: list[str]) -> pl.DataFrame | None:
    path = _find(root, "BBox_List_2017.csv")
    if path is None:
        notes.append("no BBox_List_2017.csv here: no boxes")
        return None
    sources[path.relative_to(root).as_posix()] = file_sha256(path)
    # The header ("Bbox [x,y,w,h],,,") has more fields than the rows, so that the columns go by place.
    rows = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True, raise_if_empty=False)
    if rows.width < 6:
        raise HilumError(path, expected="image, finding, x, y, w, h", found=f"{rows.width} columns", fix="Get it anew.")
    image, label, *corners = rows.columns[:6]
    names = {name: canonical(name, where=path) for name in rows[label].unique().drop_nulls().sort()}
    boxes = rows.select(
        pl.col(image).alias("image_id"),
        pl.col(label).replace_strict(names, return_dtype=pl.String).alias("finding"),
        *(
            pl.col(native_name).cast(pl.Float64, strict=False).alias(name)
            for native_name, name in zip(corners, ("x", "y", "width", "height"), strict=True)
        ),
        pl.lit(FRAME, dtype=pl.Int32).alias("frame_width"),
        pl.lit(FRAME, dtype=pl.Int32).alias("frame_height"),
    )
    broken = boxes.with_row_index("line", offset=2).filter(pl.any_horizontal(pl.all().is_null()))["line"]
    if len(broken):
        raise HilumError(path, expected="six values a line", found=f"fewer in line {_some(broken)}", fix="Get it anew.")
    known = boxes.join(manifest, on="image_id", how="semi", maintain_order="left")
    if len(known) < len(boxes):
        notes.append(f"{len(boxes) - len(known):,} boxes are on films that the table lacks and were left out")
    return known


def _refuse_unless(allowed: bool, notes: list[str], where: Path, expected: str, ids: pl.Series) -> None:
    if not allowed:
        raise HilumError(
            where,
            expected=expected,
            found=f"{len(ids):,} missing ({_some(ids)})",
            fix="Get them, or go on without them: --allow-missing.",
        )
    notes.append(f"{len(ids):,} missing where {expected} was expected; allowed")


def _some(values: pl.Series) -> str:
    shown = ", ".join(str(value) for value in values.head(3))
    return shown if len(values) <= 3 else f"{shown} and {len(values) - 3:,} others"
