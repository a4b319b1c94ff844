"""Command `hilum phantom`: synthetic chest radiographs (digital phantoms)."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import echo, progress
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS
from hilum.wording import counted

_LAYOUTS = ", ".join(name for name in COLLECTIONS if name not in ADDED_COLLECTIONS)


def phantom(
    out: Annotated[Path, typer.Option(help="Directory to write the data set to.")],
    layout: Annotated[
        str, typer.Option(help=f"Layout to write: {_LAYOUTS}. `folder`: own images with labels.csv.")
    ] = "chestxray14",
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 600,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the images in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the patients.")] = 0,
    min_prevalence: Annotated[
        float, typer.Option(min=0, max=0.5, help="Minimum fraction of images with each finding; rarer ones are raised.")
    ] = 0.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes. Default: all cores.")] = None,
) -> None:
    """Generate synthetic chest radiographs.

    They have known findings and boxes, and are written in the native layout of a data set. X-rays are
    projected through an analytic three-dimensional thorax. Use the images for trials and tests, not for claims about
    patients.

    \b
    Examples:
      hilum phantom --layout chestxray14 --images 600 --size 256 --seed 0 --out images
      hilum ingest chestxray14 images --out images-ingested
      hilum phantom --layout padchest --images 40 --size 128 --out padchest
      hilum phantom --layout folder --images 100 --size 64 --out images
    """
    from hilum.phantom import write_layout

    with progress(f"generating {counted(images)}") as on_progress:
        write_layout(
            layout,
            out,
            images=images,
            size=size,
            seed=seed,
            min_prevalence=min_prevalence,
            workers=workers,
            on_progress=on_progress,
        )
    echo(f"{counted(images)} in {out}")
