"""Command `hilum export`: models as ONNX, torch.export or Hugging Face files."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, progress
from hilum.wording import counted


def export(
    model: options.Package,
    out: Annotated[Path, typer.Option(help="File to write; for huggingface, a folder.")],
    kind: Annotated[
        str, typer.Option("--format", help="Output format: onnx, torch (torch.export) or huggingface.")
    ] = "onnx",
    ensemble: options.UseEnsemble = False,
    images: Annotated[
        list[str] | None,
        typer.Option(help="Further images to compare the outputs on, beside the reference radiographs. Repeatable."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Export a model to ONNX, torch.export or Hugging Face.

    The outputs of the exported file are compared with the original. No file is written if a probability
    differs by more than 1e-4. The exported model takes preprocessed images of one size. Findings, thresholds,
    preprocessing and metrics are written to OUT.json, and to the metadata of an ONNX file.

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
        echo(f"Probabilities differ by at most {parity.difference:.1g} on {counted(parity.images)}.")
        echo(f"Time per image: {parity.milliseconds:.1f} ms; original model: {parity.milliseconds_torch:.1f} ms.")
    echo(str(exported.path))
