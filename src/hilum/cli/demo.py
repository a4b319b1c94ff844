"""`hilum demo`: a whole comparison on generated radiographs."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[
        Path, typer.Option(help="Directory of the study; run again to go on where it was interrupted.")
    ] = Path("runs/demo"),
) -> None:
    """Compare training from scratch, SimCLR and MoCo v2 on generated radiographs, in minutes on two cores.

    \b
    Example:
      hilum demo --out runs/demo
    """
    from hilum.cli.study import Scale, read, run_to_report

    run_to_report(read("demo", Scale.FULL, None), {}, out, None)
