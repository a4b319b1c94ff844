"""Contact sheet of preprocessed or augmented images: `hilum.preview` and `hilum preview`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import yaml

from hilum.augment.library import augmentation_of, named_augmentation
from hilum.data.collections import read_collection
from hilum.data.manifest import read_manifest
from hilum.data.preprocess import parse_recipe
from hilum.declared import Bounds, Seed
from hilum.errors import HilumError
from hilum.notes import Code, note, notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.pages import Strip, choose, read_rows, write_image, write_page, write_view_sheet
from hilum.runs.inputs.data import RECIPE
from hilum.runs.results import Result
from hilum.wording import counted


@dataclass(frozen=True, repr=False)
class PreviewResult(Result):
    """Contact sheet.

    Attributes:
        directory: Directory of the sheet.
        about: Numbers of shown and of unreadable images, and the steps of the preprocessing.
        sheet: Path of the sheet.
    """

    sheet: Path

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """None."""
        return {}

    @property
    def summary(self) -> list[str]:
        """Number of images, and path of the sheet."""
        unreadable = f", {self.about['unreadable']:,} unreadable" if self.about["unreadable"] else ""
        return [f"{counted(self.about['images'])} shown{unreadable}: {self.sheet}"]


@checked_arguments
def preview(
    data: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    recipe: str | Sequence[Any] | None = None,
    count: Annotated[int, Bounds(ge=1)] = 12,
    seed: Seed = 0,
    image_ids: Sequence[str] = (),
    boxes: bool = False,
    augmentation: Sequence[str] = (),
    views: Annotated[int, Bounds(ge=1)] = 4,
    progress: ShowProgress = quiet,
) -> PreviewResult:
    """Show images before and after preprocessing with histograms, or random augmentations.

    Args:
        data: Output directories of `hilum.ingest`, or folders of images.
        out: File to write: .html or .png.
        recipe: Preprocessing: the name of a recipe, or its steps (as in a study file, or as YAML). None: padded to a
            square, 224 pixels.
        count: Number of images from each data set, at random.
        seed: Random seed of the images.
        image_ids: Images to show instead of random ones.
        boxes: Draw the boxes of the data set.
        augmentation: Show random augmentations instead: names (`hilum augmentations`) or YAML files.
        views: Number of random samples per image and augmentation.
        progress: Shows the progress of reading.

    Raises:
        HilumError: A wrong recipe, augmentation, image id or file name.

    Example:
        >>> import hilum, tempfile
        >>> from hilum.phantom import write_layout
        >>> folder = tempfile.mkdtemp()
        >>> _ = write_layout("chestxray14", f"{folder}/CXR8", images=4, size=32, seed=0)
        >>> sheet = hilum.preview(f"{folder}/CXR8/images", f"{folder}/sheet.png", count=2)
        >>> sheet.about["images"]
        2
    """
    out, folders = Path(out), [data] if isinstance(data, str | Path) else list(data)
    if out.suffix.lower() not in (".html", ".png"):
        raise HilumError("--out", expected="a file named .html or .png", found=str(out), fix="Rename it.")
    if augmentation and out.suffix.lower() != ".png":
        raise HilumError("--out", expected="a .png file, for augmentations", found=str(out), fix="Rename it.")
    if augmentation and boxes:
        raise HilumError("--boxes", expected="--boxes or --augmentation", found="both", fix="Omit one of them.")
    augmentations = {Path(name).stem: augmentation_of(named_augmentation(name)) for name in augmentation}
    wanted = parse_recipe(_steps(recipe))
    strips, notes = [], []
    for folder in map(Path, folders):
        manifest, root, drawn = _read(folder)
        if boxes and drawn is None:
            notes.append(note(Code.DATA_WITHOUT_BOXES, data=folder.name))
        chosen = choose(manifest, count, seed, image_ids)
        with progress(f"Reading {folder}") as on_progress:
            strips.append(Strip(folder.name, read_rows(chosen, root, wanted, drawn if boxes else None, on_progress)))
    if not image_ids:
        notes.append(note(Code.SAMPLED_OF_EACH, images=count, seed=seed))
    steps = yaml.safe_dump(wanted.as_data(), default_flow_style=True, width=1000).strip()
    if augmentations:
        write_view_sheet([image for strip in strips for image in strip.images], augmentations, views, seed, out)
    elif out.suffix.lower() == ".html":
        write_page(strips, steps, list(map(str, notes)), out)
    else:
        write_image(strips, steps, out)
    shown = [image for strip in strips for image in strip.images]
    unreadable = sum(image.raw is None for image in shown)
    about = {
        "images": len(shown) - unreadable,
        "unreadable": unreadable,
        "preprocess": steps,
        "notes": notes_as_data(notes),
    }
    return PreviewResult(out.parent, about, out)


def _steps(recipe: str | Sequence[Any] | None) -> object:
    """Return the steps of a recipe, or its name."""
    if recipe is not None and not isinstance(recipe, str):
        return recipe
    try:
        return yaml.safe_load(RECIPE if recipe is None else recipe)
    except yaml.YAMLError as error:
        found = str(error).splitlines()[0]
        raise HilumError("--recipe", expected="a name or steps", found=found, fix=f"Write {RECIPE}.") from error


def _read(folder: Path) -> tuple[pl.DataFrame, Path, pl.DataFrame | None]:
    """Read the manifest, the root of its paths, and the boxes of an ingested data set, or of a folder of images."""
    if not (folder / "manifest.parquet").is_file():
        dataset = read_collection("folder", folder)
        return dataset.manifest, dataset.root, None
    root = Path(json.loads((folder / "ingest.json").read_text(encoding="utf-8"))["root"])
    boxes = folder / "boxes.parquet"
    return read_manifest(folder / "manifest.parquet"), root, pl.read_parquet(boxes) if boxes.is_file() else None
