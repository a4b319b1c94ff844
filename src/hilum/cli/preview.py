"""Command `hilum preview`: contact sheet of preprocessed or augmented images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.wording import counted

if TYPE_CHECKING:
    import polars as pl

    from hilum.augment import Augmentation
    from hilum.data.preprocess import Recipe

_SQUARE_224 = "[{square: pad}, {resize: 224}]"


def preview(
    data: Annotated[
        list[Path],
        typer.Argument(help="Folders written by `hilum ingest`, or folders of images.", metavar="DATA..."),
    ],
    out: Annotated[Path, typer.Option(help="File to write: .html or .png.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Preprocessing: the name of a recipe (elwirehardja2025, …), or its steps as YAML. Default: "
            f"{_SQUARE_224}."
        ),
    ] = None,
    study: Annotated[
        str | None, typer.Option(help="Study file, or the name of a shipped study, to take the preprocessing from.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=200, help="Number of images from each DATA, at random.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the images.")] = 0,
    image_ids: Annotated[
        str | None, typer.Option(help="Comma-separated image ids to show instead of random images.")
    ] = None,
    boxes: Annotated[bool, typer.Option("--boxes", help="Draw the boxes of the data set.")] = False,
    augmentation: Annotated[
        list[str] | None,
        typer.Option(
            help="Show random augmentations instead: a name (`hilum augmentations`) or a YAML file. Repeatable."
        ),
    ] = None,
    views: Annotated[int, typer.Option(min=1, max=20, help="Number of random samples per image and augmentation.")] = 4,
) -> None:
    """Show images after preprocessing or augmentation.

    The contact sheet shows images before and after preprocessing with histograms, or random augmentations.

    \b
    Examples:
      hilum preview ingested/ours --recipe elwirehardja2025 --out sheet.html
      hilum preview images/ --recipe "[{window: full}, {square: pad}, {resize: 224}]" --out sheet.png
      hilum preview ingested/chestxray14 --study demo --boxes --out sheet.html
      hilum preview images/ --augmentation simclr --augmentation chen2020_simclr --count 6 --out views.png
    """
    import yaml

    from hilum.cli.console import echo, progress
    from hilum.errors import HilumError
    from hilum.report.pages import Strip, choose, read_rows, write_image, write_page, write_view_sheet

    if out.suffix.lower() not in (".html", ".png"):
        raise HilumError("--out", expected="a file named .html or .png", found=str(out), fix="Rename it.")
    augmentations = _augmentations(augmentation or [], out, boxes=boxes)
    wanted = _recipe(recipe, study)
    strips, notes = [], []
    for folder in data:
        manifest, root, drawn = _read(folder)
        if boxes and drawn is None:
            notes.append(f"{folder.name} has no boxes.")
        chosen = choose(manifest, count, seed, image_ids.split(",") if image_ids else ())
        with progress(f"Reading {folder}") as on_progress:
            strips.append(Strip(folder.name, read_rows(chosen, root, wanted, drawn if boxes else None, on_progress)))
    if not image_ids:
        notes.append(f"Drawn from all images on disk, {count} of each data set, seed {seed}.")
    steps = yaml.safe_dump(wanted.as_data(), default_flow_style=True, width=1000).strip()
    if augmentations:
        write_view_sheet([image for strip in strips for image in strip.images], augmentations, views, seed, out)
    elif out.suffix.lower() == ".html":
        write_page(strips, steps, notes, out)
    else:
        write_image(strips, steps, out)
    shown = [image for strip in strips for image in strip.images]
    unreadable = sum(image.raw is None for image in shown)
    echo(f"{counted(len(shown) - unreadable)} shown{f', {unreadable:,} unreadable' if unreadable else ''}: {out}")


def _augmentations(augmentations: list[str], out: Path, *, boxes: bool) -> "dict[str, Augmentation]":
    from hilum.augment.library import augmentation_of, named_augmentation
    from hilum.errors import HilumError

    if augmentations and out.suffix.lower() != ".png":
        raise HilumError("--out", expected="a .png file, for augmentations", found=str(out), fix="Rename it.")
    if augmentations and boxes:
        raise HilumError("--boxes", expected="--boxes or --augmentation", found="both", fix="Omit one of them.")
    return {Path(name).stem: augmentation_of(named_augmentation(name)) for name in augmentations}


def _recipe(recipe: str | None, study: str | None) -> "Recipe":
    import yaml

    from hilum.data.preprocess import parse_recipe
    from hilum.errors import HilumError

    if recipe is not None and study is not None:
        raise HilumError("--study", expected="--recipe or --study", found="both", fix="Omit one of them.")
    if study is not None:
        from hilum.study.file import find_study

        where, written = str(find_study(study)), find_study(study).read_text(encoding="utf-8")
    else:
        where, written = "--recipe", recipe or _SQUARE_224
    try:
        steps = yaml.safe_load(written)
    except yaml.YAMLError as error:
        found = str(error).splitlines()[0]
        raise HilumError(where, expected="a name or steps", found=found, fix=f"Write {_SQUARE_224}.") from error
    if study is not None:  # other errors of the study file do not matter here
        steps = steps.get("preprocess") if isinstance(steps, dict) else None
    return parse_recipe(steps)


def _read(folder: Path) -> "tuple[pl.DataFrame, Path, pl.DataFrame | None]":
    """Read the manifest, the root of its paths, and the boxes of an ingested data set, or of a folder of images."""
    import json

    import polars as pl

    from hilum.data.collections import read_collection
    from hilum.data.manifest import read_manifest

    if not (folder / "manifest.parquet").is_file():
        collected = read_collection("folder", folder)
        return collected.manifest, collected.root, None
    root = Path(json.loads((folder / "ingest.json").read_text(encoding="utf-8"))["root"])
    boxes = folder / "boxes.parquet"
    return read_manifest(folder / "manifest.parquet"), root, pl.read_parquet(boxes) if boxes.is_file() else None
