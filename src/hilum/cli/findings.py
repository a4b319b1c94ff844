"""`hilum findings`: which data set labels which finding, under which name."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.findings import FindingRow

_LABELLED, _DERIVED = "x", "+"


def findings(
    collection: Annotated[str | None, typer.Option(help="List what this one labels, with its own names.")] = None,
    finding: Annotated[str | None, typer.Option(help="List who labels this one; any data set's spelling.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Show which data set labels which finding, and what it calls it.

    \b
    Examples:
      hilum findings
      hilum findings --collection padchest
      hilum findings --finding "Pleural Effusion" --json
    """
    from hilum.cli.console import print_json
    from hilum.findings import canonical, findings_by_collection, labelled_by

    rows = findings_by_collection()
    if collection is not None:
        labelled_by(collection)  # refuses an unknown one
        rows = [row for row in rows if collection in row.native or collection in row.parts]
    if finding is not None:
        wanted = canonical(finding, where="--finding")
        rows = [row for row in rows if row.finding == wanted]
    if json:
        print_json([_plain(row, collection) for row in rows])
    elif collection is not None:
        _show_collection(rows, collection)
    elif finding is not None:
        _show_finding(rows, wanted)
    else:
        _show_all(rows)


def _plain(row: "FindingRow", collection: str | None) -> dict[str, object]:
    return {
        "finding": row.finding,
        "labelled_by": {name: own for name, own in row.native.items() if collection in (None, name)},
        "follows_from": {name: list(parts) for name, parts in row.parts.items() if collection in (None, name)},
    }


def _show_all(rows: list["FindingRow"]) -> None:
    from hilum.cli.console import echo, print_table
    from hilum.findings import COLLECTIONS, SHORT_NAMES

    shown = [name for name in COLLECTIONS if any(name in row.native for row in rows)]
    heads = {name: SHORT_NAMES.get(name, name) for name in shown}
    print_table(["finding", *heads.values()], [[row.finding, *(_mark(row, name) for name in shown)] for row in rows])
    echo()
    echo(f"{_LABELLED} labels it   {_DERIVED} labels its parts, from which it follows")
    echo("Own names, and what follows from what: hilum findings --collection NAME, or --finding NAME")
    others = [f"{short} {name}" for name, short in heads.items()]
    for first in range(0, len(others), 4):
        echo("   ".join(others[first : first + 4]))


def _show_collection(rows: list["FindingRow"], collection: str) -> None:
    from hilum.cli.console import echo, print_table

    if not rows:
        echo(f"{collection}: no findings of its own; they are those of the table that you give it.")
        return
    print_table(["finding", f"in {collection}"], [(row.finding, _native_name(row, collection)) for row in rows])


def _show_finding(rows: list["FindingRow"], finding: str) -> None:
    from hilum.cli.console import echo, print_table
    from hilum.findings import COLLECTIONS

    if not rows:
        echo(f"No data set that Hilum reads labels {finding}.")
        return
    (row,) = rows
    labelling = [name for name in COLLECTIONS if name in row.native or name in row.parts]
    print_table(["collection", f"calls {finding}"], [(name, _native_name(row, name)) for name in labelling])


def _mark(row: "FindingRow", collection: str) -> str:
    return _LABELLED if collection in row.native else _DERIVED if collection in row.parts else ""


def _native_name(row: "FindingRow", collection: str) -> str:
    return row.native.get(collection) or f"follows from {', '.join(row.parts[collection])}"
