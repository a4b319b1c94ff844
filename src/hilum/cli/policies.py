"""`hilum policies`: random views by name."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table


def policies(
    name: Annotated[str | None, typer.Argument(help="One policy, to see its ranges.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """List the policies of random views with what they do and where they are from; or the ranges of one.

    What a policy looks like: `hilum show IMAGES --policy NAME --out views.png`. A policy of your own is a YAML file
    with ranges and `like: NAME`, for what it starts from; commands that take --policy take its path.

    \b
    Examples:
      hilum policies
      hilum policies caron2021_dino_second
    """
    from hilum.augment.describe import in_words
    from hilum.augment.library import named_policies

    if name is not None:
        _show(name, as_json=as_json)
        return
    table = named_policies()
    if as_json:
        print_json({each: _as_data(each) for each in table})
        return
    rows = [(each, entry.made_for, in_words(entry.policy), entry.source) for each, entry in table.items()]
    print_table(("policy", "for", "does", "of"), rows)


def _show(name: str, *, as_json: bool) -> None:
    from hilum.augment import policy_of
    from hilum.augment.describe import in_words
    from hilum.augment.library import named_policies

    policy = policy_of(name)
    if as_json:
        print_json(_as_data(name))
        return
    entry = named_policies()[name]
    echo(f"{name}, for {entry.made_for}: {in_words(policy)}")
    echo(entry.source)
    if entry.left_out:
        echo(f"Left out, or read: {entry.left_out}")
    echo()
    ends = {key: value if isinstance(value, tuple) else (value,) for key, value in policy.ranges().items()}
    print_table(("range", "value"), [(key, " to ".join(f"{end:g}" for end in value)) for key, value in ends.items()])


def _as_data(name: str) -> dict[str, object]:
    from hilum.augment.library import named_policies

    entry = named_policies()[name]
    about = {"for": entry.made_for, "of": entry.source, "left_out": entry.left_out}
    return {**about, "ranges": entry.policy.ranges()}
