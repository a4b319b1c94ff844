"""Command `hilum findings`: findings, the data sets that label them, and their names there."""

from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.options import AsJson

if TYPE_CHECKING:
    from hilum.findings import FindingRow

_LABELLED, _DERIVED = "x", "+"


def findings(
    collection: Annotated[
        str | None, typer.Option(help="List the findings of this collection, with its own names.")
    ] = None,
    finding: Annotated[
        str | None, typer.Option(help="List the collections that label this finding, in the spelling of any of them.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show which findings each data set labels.

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
        labelled_by(collection)  # refuses an unknown collection
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
    echo(f"{_LABELLED} labelled   {_DERIVED} derived from other labels of the data set")
    echo("Names in a data set, and derived findings: hilum findings --collection NAME, or --finding NAME")
    others = [f"{short} {name}" for name, short in heads.items()]
    for first in range(0, len(others), 4):
        echo("   ".join(others[first : first + 4]))


def _show_collection(rows: list["FindingRow"], collection: str) -> None:
    from hilum.cli.console import echo, print_table

    if not rows:
        echo(f"{collection}: no fixed findings; they are the columns of your table of labels.")
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
    print_table(["collection", f"name of {finding}"], [(name, _native_name(row, name)) for name in labelling])


def _mark(row: "FindingRow", collection: str) -> str:
    return _LABELLED if collection in row.native else _DERIVED if collection in row.parts else ""


def _native_name(row: "FindingRow", collection: str) -> str:
    return row.native.get(collection) or f"derived from {', '.join(row.parts[collection])}"
