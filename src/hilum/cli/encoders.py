"""Command `hilum encoders`: architectures of encoders."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table
from hilum.cli.options import AsJson
from hilum.wording import counted


def encoders(
    name: Annotated[str | None, typer.Argument(help="Name of an encoder, to show its layer groups.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List encoders, or show one.

    Parameters are counted with one input channel and without a classification head; the networks of Toh et al. (2023)
    and CheXNet are also counted as published.

    \b
    Examples:
      hilum encoders
      hilum encoders vit_small_patch14_dinov2
    """
    if name is not None:
        _show(name, as_json=as_json)
        return
    from dataclasses import asdict

    from hilum.encoders.catalogue import ARCHITECTURES

    if as_json:
        print_json([asdict(architecture) for architecture in ARCHITECTURES.values()])
        return
    print_table(
        ("encoder", "parameters", "as published", "blocks", "patch", "features", "images"),
        [
            (a.name, a.parameters, a.published, a.blocks, a.patch, a.feature_width, a.sizes)
            for a in ARCHITECTURES.values()
        ],
    )


def _show(name: str, *, as_json: bool) -> None:
    from hilum.encoders.freezing import describe_encoder

    described = describe_encoder(name)
    if as_json:
        print_json(described)
        return
    architecture, published = described["architecture"], described["published"]
    echo(f"{name}: {architecture['paper']}; built by {architecture['code']}")
    echo(
        f"{counted(architecture['parameters'], 'parameter')} with one input channel, {architecture['blocks']} blocks, "
        f"patch of {architecture['patch']} px, {architecture['feature_width']:,} features"
    )
    echo(
        f"images: {described['sizes']}; "
        f"{described['grid'][0]} x {described['grid'][1]} positions at {described['at']} px"
    )
    print_table(("layer group", "parameters"), list(described["groups"].items()))
    if published:
        echo()
        count = f"{published['count']:,} {published['what']}"
        echo(f"As published ({published['title']}), with 3 channels and 14 findings: {count}")
        print_table(("layer group", "parameters"), list(published["groups"].items()))
