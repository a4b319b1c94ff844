"""`hilum phantom`: generated radiographs on disk."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import echo, progress
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS

_LAYOUTS = ", ".join(name for name in COLLECTIONS if name not in ADDED_COLLECTIONS and name != "folder")


def phantom(
    out: Annotated[Path, typer.Option(help="Directory to make.")],
    layout: Annotated[str, typer.Option(help=f"Native layout of the data set to imitate: {_LAYOUTS}.")] = "chestxray14",
    images: Annotated[int, typer.Option(min=1, help="How many images.")] = 600,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other patients.")] = 0,
    min_prevalence: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of images to which every rarer finding is raised.")
    ] = 0.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores when left out.")] = None,
) -> None:
    """Generate chest radiographs with known findings and boxes, in a data set's native layout.

    An analytic three-dimensional thorax is projected as X-rays would be. The images are made up: good for trying
    things out and for tests, not for claims about patients.

    \b
    Examples:
      hilum phantom --layout chestxray14 --images 600 --size 256 --seed 0 --out images
      hilum ingest chestxray14 images --out images-ingested
      hilum phantom --layout padchest --images 40 --size 128 --out padchest
    """
    from hilum.phantom import write_layout

    with progress(f"generating {images:,} images") as on_progress:
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
    echo(f"{images:,} images in {out}")
