"""`hilum export`: a model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, progress


def export(
    model: Annotated[Path, typer.Argument(help="A directory that `hilum package` wrote: of an arm, or of a seed.")],
    out: Annotated[Path, typer.Option(help="File to write; for huggingface a folder.")],
    kind: Annotated[str, typer.Option("--format", help="onnx, torch (torch.export) or huggingface.")] = "onnx",
    ensemble: Annotated[bool, typer.Option("--ensemble", help="Mean probability of all seeds of an arm.")] = False,
    images: Annotated[
        list[str] | None, typer.Option(help="Images to compare on, besides the reference radiographs; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Export a model, and compare what was exported with the original.

    A file is refused, and not written, where a probability differs by more than 1e-4. It takes images as the model's
    preprocessing makes them, of one size; findings, thresholds, preprocessing and numbers are in OUT.json beside it,
    and in the metadata of an ONNX file.

    \b
    Examples:
      hilum export models/simclr/seed-0 --out simclr.onnx
      hilum export models/simclr --ensemble --format torch --out simclr.pt2 --images images/
      hilum export models/simclr/seed-0 --format huggingface --out hub/simclr
    """
    from dataclasses import asdict

    import numpy as np

    from hilum.data.images.gray import UnreadableImage
    from hilum.prediction.export import export_model
    from hilum.prediction.inputs import find_inputs
    from hilum.prediction.loading import load_package

    loaded = load_package(model, ensemble=ensemble, device="cpu")
    pixels = []
    for image in find_inputs(images) if images else []:
        try:
            if image.path is not None:
                pixels.append(loaded.preprocess(image.path))
        except UnreadableImage:
            continue
    with progress(f"exporting {kind}"):
        exported = export_model(loaded, kind, out, np.stack(pixels) if pixels else None)
    if as_json:
        print_json({"out": str(exported.path), "parity": exported.parity and asdict(exported.parity)})
        return
    if exported.parity is not None:
        parity = exported.parity
        echo(f"Probabilities differ by at most {parity.difference:.1g} on {parity.images:,} images.")
        echo(f"One image: {parity.milliseconds:.1f} ms, {parity.milliseconds_torch:.1f} ms as it is here.")
    echo(str(exported.path))
