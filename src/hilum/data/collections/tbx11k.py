"""TBX11K, radiographs for tuberculosis: 11,200 frontal images, PNG of 512 x 512, gray in three channels.

5,000 healthy, 5,000 sick without tuberculosis, 1,200 with it: 924 active, 212 latent, 54 both, 10 uncertain; one image
of folder tb (tb1199) has no box. Train 6,600, val 1,800, test 2,800 images; labels of the test images are not
published. Boxes were drawn by radiologists.

Terms: academic research. Download: https://mmcheng.net/tb. Cite Liu, Wu, Ban, Wang, Cheng, "Rethinking
Computer-aided Tuberculosis Diagnosis", CVPR 2020, pp. 2646-2655.

Native files below the root, or below TBX11K/ in it::

    imgs/{health,sick,tb}/*.png, imgs/test/*.png
    lists/TBX11K_train.txt, lists/TBX11K_val.txt           one image per line: tb/tb0003.png
    annotations/json/TBX11K_train.json, TBX11K_val.json    COCO: boxes of ActiveTuberculosis (1),
        or TBX11K_trainval.json                            ObsoletePulmonaryTuberculosis (2), PulmonaryTuberculosis (3)

Not read: annotations/xml (the same boxes as the JSON), lists of unions (`…_trainval`, `all_…`), and imgs/extra with
images of other collections (DA, DB, Montgomery, Shenzhen).

Manifest: `image_id` is the path below imgs. The folder gives "Tuberculosis" and "No Finding"; sick is "Other Disease",
which is null on images with tuberculosis. The boxes give "Active Tuberculosis" and "Latent Tuberculosis" (the authors'
term for Obsolete…): both are -1 if a box has only PulmonaryTuberculosis (uncertain), null if an image of tb has no box
or annotations are missing. Test images are not labelled (null). Patients are not published: each image counts as its
own patient. `view`, `age`, `sex` are not published either.
"""

from pathlib import Path
from typing import Any

import polars as pl

from hilum.artifacts import file_sha256
from hilum.data.collections.dataset import Dataset, as_manifest
from hilum.data.collections.image_files import ImageFiles, check_files
from hilum.data.collections.native_boxes import CORNERS, as_boxes
from hilum.data.collections.native_json import read_json, refuse_unlike
from hilum.data.tables import read_lines, some
from hilum.errors import HilumError
from hilum.findings import NO_FINDING
from hilum.notes import Code, Note, note
from hilum.progress import ProgressReport, silent

CATEGORIES = {
    "ActiveTuberculosis": "Active Tuberculosis",
    "ObsoletePulmonaryTuberculosis": "Latent Tuberculosis",
    "PulmonaryTuberculosis": "Tuberculosis",
}
"""Categories of boxes and their findings."""
_FOLDERS = ("health", "sick", "tb", "test")
_PARTS = ("train", "val")
_BOXES = "TBX11K's boxes"
_LARGEST = 100_000  # pixels, larger than any image
_COCO: dict[str, dict[str, type | tuple[type, ...]]] = {
    "categories": {"id": int, "name": str},
    "images": {"id": int, "file_name": str, "width": int, "height": int},
    "annotations": {"image_id": int, "category_id": int, "bbox": list},
}
_WRONG_NAME = ~pl.col("image_id").str.contains(r"^(health|sick|tb|test)/[^/\\.][^/\\]*\.png$")


def read(
    root: Path,
    *,
    allow_missing: bool = False,
    on_progress: ProgressReport = silent,  # noqa: ARG001 (no file is looked at one by one)
) -> Dataset:
    """Read the images, lists and boxes of TBX11K; the native files are listed in this module's docstring.

    Returns:
        Manifest with tuberculosis, its activity, Other Disease and No Finding (1, 0, -1 or null) and `split` (train,
        val, test); boxes of tuberculosis.

    Raises:
        HilumError: No images, or invalid lists or boxes; see `hilum.data.collections.read_collection`.
    """
    notes = [note(Code.NO_PATIENTS_PUBLISHED)]
    base = "TBX11K/" if not (root / "imgs").is_dir() and (root / "TBX11K" / "imgs").is_dir() else ""
    files = ImageFiles(root)
    images = files.listed([f"{base}imgs/{folder}" for folder in _FOLDERS], ".png")
    images = images.select(pl.col("path").str.strip_prefix(f"{base}imgs/").alias("image_id"), "path").sort("image_id")
    if images.is_empty():
        raise HilumError(root, expected="imgs/{health,sick,tb,test}/*.png", found="none", fix="https://mmcheng.net/tb")
    if (root / base / "imgs" / "extra").is_dir():
        notes.append(note(Code.FOLDER_OF_OTHERS, folder="imgs/extra"))

    sources: dict[str, str] = {}
    listed = _read_lists(root, base, sources, notes)
    radiographs = listed.join(images, on="image_id", how="full", coalesce=True).sort("image_id")
    check_files(radiographs, allow_missing, notes, root, "a file in imgs/ for every image on the lists")
    tested = pl.col("image_id").str.starts_with("test/")
    radiographs = radiographs.with_columns(pl.when(tested).then(pl.lit("test")).otherwise("part").alias("split"))
    unlisted = radiographs.filter(pl.col("split").is_null())["image_id"]
    if len(unlisted) and len(listed):
        notes.append(note(Code.UNLISTED_IMAGES, images=len(unlisted), examples=some(unlisted)))

    boxes = _read_boxes(root, base, radiographs, sources, notes)
    manifest = _with_findings(radiographs, boxes)
    return Dataset(manifest, boxes, root, "tbx11k", [*notes, *files.notes()], sources)


def _read_lists(root: Path, base: str, sources: dict[str, str], notes: list[Note]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={"image_id": pl.String, "part": pl.String})]
    for part in _PARTS:
        path = root / base / "lists" / f"TBX11K_{part}.txt"
        if not path.is_file():
            notes.append(note(Code.NO_LISTS, lists=f"lists/{path.name}", column="split of its images"))
            continue
        sources[path.relative_to(root).as_posix()] = file_sha256(path)
        names = pl.DataFrame({"image_id": read_lines(path)}, schema={"image_id": pl.String}).with_row_index("line", 1)
        names = names.filter(pl.col("image_id") != "")
        wrong = names.filter(_WRONG_NAME)["line"]
        if len(wrong):
            expected = "one image per line, such as tb/tb0003.png"
            raise HilumError(path, expected=expected, found=f"other in line {some(wrong)}", fix="Get the list again.")
        parts.append(names.select("image_id", pl.lit(part).alias("part")))
    listed = pl.concat(parts)
    twice = listed.filter(pl.col("image_id").is_duplicated())["image_id"].unique(maintain_order=True)
    if len(twice):
        raise HilumError(
            root / base / "lists",
            expected="every image on one list, once",
            found=f"{some(twice)} again",
            fix="Get the lists again.",
        )
    return listed


def _read_boxes(
    root: Path, base: str, radiographs: pl.DataFrame, sources: dict[str, str], notes: list[Note]
) -> pl.DataFrame | None:
    folder = root / base / "annotations" / "json"
    paths = [folder / f"TBX11K_{part}.json" for part in _PARTS]
    if not any(path.is_file() for path in paths):
        paths = [folder / "TBX11K_trainval.json"]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        notes.append(note(Code.NO_ACTIVITY, table="annotations/json/TBX11K_train.json"))
        return None
    read = []
    for path in paths:
        sources[path.relative_to(root).as_posix()] = file_sha256(path)
        boxes = _coco_boxes(path)
        known = boxes.join(radiographs, on="image_id", how="semi", maintain_order="left")
        if len(known) < len(boxes):
            notes.append(note(Code.BOXES_WITHOUT_IMAGE, boxes=len(boxes) - len(known), table=path.name))
        read.append(as_boxes(known, path, notes))
    return pl.concat(read)


def _coco_boxes(path: Path) -> pl.DataFrame:
    """Return the boxes of a COCO file; `line` is the position in its list of annotations, from 1."""
    parts = _checked(read_json(path, of=_BOXES), path)
    names = {category["id"]: CATEGORIES.get(category["name"]) for category in parts["categories"]}
    radiographs = {image["id"]: image for image in parts["images"]}
    rows = []
    for place, drawn in enumerate(parts["annotations"], start=1):
        finding, radiograph = names.get(drawn["category_id"]), radiographs.get(drawn["image_id"])
        if finding is None or radiograph is None:
            expected = "an image and one of " + ", ".join(CATEGORIES)
            raise refuse_unlike(path, of=f"{_BOXES}, annotation {place}", expected=expected)
        rows.append(
            (place, radiograph["file_name"], finding, *drawn["bbox"], radiograph["width"], radiograph["height"])
        )
    sides = ("frame_width", "frame_height")
    schema = {"line": pl.Int64, "image_id": pl.String, "finding": pl.String}
    schema_of_numbers = dict.fromkeys(CORNERS, pl.Float64) | dict.fromkeys(sides, pl.Int32)
    return pl.DataFrame(rows, schema={**schema, **schema_of_numbers}, orient="row")


def _checked(content: Any, path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return COCO's three lists, if every entry has the required keys."""
    for part, wanted in _COCO.items():
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise refuse_unlike(path, of=_BOXES, expected=f"an object with lists {', '.join(_COCO)}")
        for place, entry in enumerate(entries, start=1):
            if not isinstance(entry, dict) or not all(isinstance(entry.get(key), of) for key, of in wanted.items()):
                raise refuse_unlike(path, of=f"{_BOXES}, {part} {place}", expected=f"with {', '.join(wanted)}")
    for place, image in enumerate(content["images"], start=1):
        if not (0 < image["width"] <= _LARGEST and 0 < image["height"] <= _LARGEST):
            raise refuse_unlike(path, of=f"{_BOXES}, images {place}", expected=f"1 to {_LARGEST:,} pixels a side")
    for place, drawn in enumerate(content["annotations"], start=1):
        if len(drawn["bbox"]) != len(CORNERS) or not all(_is_place(value) for value in drawn["bbox"]):
            raise refuse_unlike(path, of=f"{_BOXES}, annotations {place}", expected="a bbox of four numbers")
    return dict(content)


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and -_LARGEST <= value <= _LARGEST


def _with_findings(radiographs: pl.DataFrame, boxes: pl.DataFrame | None) -> pl.DataFrame:
    if boxes is None:
        boxes = pl.DataFrame(schema={"image_id": pl.String, "finding": pl.String})
    boxed = boxes.group_by("image_id").agg(
        *((pl.col("finding") == finding).any().alias(finding) for finding in CATEGORIES.values())
    )
    folder = pl.col("image_id").str.extract(r"^(\w+)/", 1)
    labelled, ill = folder != "test", folder == "tb"
    active, latent, uncertain = (pl.col(f"{finding}_boxed") for finding in CATEGORIES.values())

    def activity(own: pl.Expr) -> pl.Expr:
        content = pl.when(own).then(1).when(uncertain).then(-1).otherwise(0)
        return pl.when(folder.is_in(["health", "sick"])).then(0).when(ill & own.is_not_null()).then(content)

    codes = {
        "Tuberculosis": pl.when(labelled).then(ill.cast(pl.Int8)),
        "Active Tuberculosis": activity(active),
        "Latent Tuberculosis": activity(latent),
        "Other Disease": pl.when(labelled & ~ill).then((folder == "sick").cast(pl.Int8)),
        NO_FINDING: pl.when(labelled).then((folder == "health").cast(pl.Int8)),
    }
    boxed = boxed.rename({finding: f"{finding}_boxed" for finding in CATEGORIES.values()})
    images = radiographs.join(boxed, on="image_id", how="left", maintain_order="left")
    images = images.with_columns(pl.col("image_id").alias("patient_id"))
    return as_manifest(images, *(code.cast(pl.Int8).alias(finding) for finding, code in codes.items()))
