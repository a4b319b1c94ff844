"""Command `hilum demo`: a complete comparison on synthetic radiographs."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path, typer.Option(help="Directory of the study. Run the command again to resume an interrupted study.")
    ] = Path("runs/demo"),
) -> None:
    """Run a small study on synthetic radiographs.

    It compares training with and without pretraining, in minutes on two CPU cores.

    \b
    Example:
      hilum demo --out runs/demo
    """
    from hilum.cli.study import Scale, read, run_to_report

    run_to_report(read("demo", Scale.FULL, None), {}, out, None)
