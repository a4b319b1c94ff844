"""Command `hilum augmentations`: named augmentations."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table
from hilum.cli.options import AsJson


def augmentations(
    name: Annotated[str | None, typer.Argument(help="Name of an augmentation, to show its ranges.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List augmentations and their sources, or show one.

    To see samples: `hilum preview IMAGES --augmentation NAME --out views.png`. To define your own, write a YAML file
    with ranges and `like: NAME` (the augmentation it is based on), and give its path as --augmentation.

    \b
    Examples:
      hilum augmentations
      hilum augmentations caron2021_dino_second
    """
    from hilum.augment.describe import describe_augmentation
    from hilum.augment.library import named_augmentations

    if name is not None:
        _show(name, as_json=as_json)
        return
    table = named_augmentations()
    if as_json:
        print_json({each: _as_data(each) for each in table})
        return
    rows = [
        (each, entry.made_for, describe_augmentation(entry.augmentation), entry.source) for each, entry in table.items()
    ]
    print_table(("augmentation", "used for", "transforms", "source"), rows)


def _show(name: str, *, as_json: bool) -> None:
    from hilum.augment import augmentation_of
    from hilum.augment.describe import describe_augmentation
    from hilum.augment.library import named_augmentations

    augmentation = augmentation_of(name)
    if as_json:
        print_json(_as_data(name))
        return
    entry = named_augmentations()[name]
    echo(f"{name}, for {entry.made_for}: {describe_augmentation(augmentation)}")
    echo(entry.source)
    if entry.left_out:
        echo(f"Differences from the source: {entry.left_out}")
    echo()
    ends = {key: value if isinstance(value, tuple) else (value,) for key, value in augmentation.ranges().items()}
    print_table(("range", "value"), [(key, " to ".join(f"{end:g}" for end in value)) for key, value in ends.items()])


def _as_data(name: str) -> dict[str, object]:
    from hilum.augment.library import named_augmentations

    entry = named_augmentations()[name]
    about = {"for": entry.made_for, "of": entry.source, "left_out": entry.left_out}
    return {**about, "ranges": entry.augmentation.ranges()}
