"""`hilum augmentations`: random views by name."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table


def augmentations(
    name: Annotated[str | None, typer.Argument(help="One augmentation, to see its ranges.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the augmentations with what they do and where they are from; or the ranges of one.

    What an augmentation looks like: `hilum preview IMAGES --augmentation NAME --out views.png`. An augmentation of
    your own is a YAML file
    with ranges and `like: NAME`, for what it starts from; commands that take --augmentation take its path.

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
    print_table(("augmentation", "for", "does", "of"), rows)


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
        echo(f"Left out, or read: {entry.left_out}")
    echo()
    ends = {key: value if isinstance(value, tuple) else (value,) for key, value in augmentation.ranges().items()}
    print_table(("range", "value"), [(key, " to ".join(f"{end:g}" for end in value)) for key, value in ends.items()])


def _as_data(name: str) -> dict[str, object]:
    from hilum.augment.library import named_augmentations

    entry = named_augmentations()[name]
    about = {"for": entry.made_for, "of": entry.source, "left_out": entry.left_out}
    return {**about, "ranges": entry.augmentation.ranges()}
