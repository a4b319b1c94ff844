"""Command `hilum preview`: contact sheet of preprocessed or augmented images."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hilum.cli import options

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
    from hilum.cli.console import echo, progress
    from hilum.runs.datasets.preview import preview as run

    result = run(
        data,
        out,
        recipe=_steps_of(study, recipe) if study is not None else recipe,
        count=count,
        seed=seed,
        image_ids=options.names(image_ids) or (),
        boxes=boxes,
        augmentation=augmentation or (),
        views=views,
        progress=progress,
    )
    echo(result.summary[0])


def _steps_of(study: str, recipe: str | None) -> Any:
    """Read the preprocessing of a study file; its other keys are not checked."""
    import yaml

    from hilum.errors import HilumError
    from hilum.study.file import find_study

    if recipe is not None:
        raise HilumError("--study", expected="--recipe or --study", found="both", fix="Omit one of them.")
    path = find_study(study)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected="a study file", found=found, fix="Fix the YAML.") from error
    return content.get("preprocess", []) if isinstance(content, dict) else []
