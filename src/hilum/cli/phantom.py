"""`hilum phantom`: generated radiographs on disk."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import progress, say


class Layout(StrEnum):
    """Native layouts that can be written."""

    CHESTXRAY14 = "chestxray14"


def phantom(
    out: Annotated[Path, typer.Option(help="Directory to make.")],
    layout: Annotated[Layout, typer.Option(help="Native layout of the data set to imitate.")] = Layout.CHESTXRAY14,
    images: Annotated[int, typer.Option(min=1, help="How many films.")] = 600,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other patients.")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads; all cores when left out.")] = None,
) -> None:
    """Generate chest radiographs with known findings and boxes, in a data set's native layout.

    An analytic three-dimensional thorax is projected as X-rays would be. The films are made up: good for trying
    things out and for tests, not for claims about patients.

    \b
    Examples:
      hilum phantom --layout chestxray14 --images 600 --size 256 --seed 0 --out films
      hilum ingest chestxray14 films --out films-ingested
    """
    from hilum.data.phantom import write_chestxray14

    write = {Layout.CHESTXRAY14: write_chestxray14}[layout]
    with progress(f"generating {images:,} films") as on_progress:
        write(out, images=images, size=size, seed=seed, workers=workers, on_progress=on_progress)
    say(f"{images:,} films in {out}")
