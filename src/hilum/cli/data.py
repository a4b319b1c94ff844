"""Commands `hilum data list | where | check`: supported data sets, their sources, and checks of a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.console import echo, print_json, print_table
from hilum.cli.options import AsJson
from hilum.errors import HilumError
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.data.sources import FolderContents, FoundFiles


def data_app() -> typer.Typer:
    """Create the group of commands on whole data sets."""
    app = typer.Typer(help="List data sets and their sources, and check folders.", no_args_is_help=True)
    app.command("list")(list_data)
    app.command("where")(where)
    app.command("check")(check)
    return app


def list_data(*, json: AsJson = False) -> None:
    """List the supported data sets, with size and access.

    \b
    Example:
      hilum data list
    """
    from hilum.data.sources import data_sources

    if json:
        print_json([source.model_dump() for source in data_sources()])
        return
    rows = [
        [source.name, source.title, _count(source.images), _count(source.patients), source.size, source.access]
        for source in data_sources()
    ]
    print_table(["collection", "data set", "images", "patients", "size", "access"], rows)
    echo("\nLicence, addresses and files of a data set: hilum data where NAME")


def where(
    name: Annotated[str, typer.Argument(help="Collection, such as chestxray14 (`hilum data list`).")],
    *,
    json: AsJson = False,
) -> None:
    """Show the source, licence and files of a data set.

    \b
    Examples:
      hilum data where chestxray14
      hilum data where padchest --json
    """
    from hilum.data.sources import data_source

    source = data_source(name)
    if json:
        print_json(source.model_dump())
        return
    echo(source.title)
    counts = [
        counted(source.images) if source.images else "",
        counted(source.patients, "patient") if source.patients else "",
    ]
    echo(", ".join([each for each in (*counts, source.size) if each]))
    echo(f"\nLicence: {source.licence}\nAccess: {source.access}")
    echo("Where: " + "\n       ".join(source.where))
    if source.cite:
        echo(f"Cite: {source.cite}")
    below = f", or in {' or '.join(source.below)} below it" if source.below else ""
    echo(f"\nFiles in the folder{below}; tables may be .gz:")
    rows = [
        [" or ".join(each.any), each.what, _count(each.count), "" if each.optional else "needed"]
        for each in source.files
    ]
    print_table(["file", "what", "how many", ""], rows)
    echo(f"\nThen: hilum data check FOLDER --as {source.name}")


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the data set, as unpacked.")],
    collection: Annotated[
        str | None, typer.Option("--as", help="Collection expected in the folder. Default: recognised by its files.")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Check a folder for the files of a data set, without opening them.

    \b
    Examples:
      hilum data check CXR8
      hilum data check CXR8 --as chestxray14 --json
    """
    from hilum.data.sources import data_source, examine_folder, recognise_folder

    if collection is not None:
        contents = examine_folder(folder, data_source(collection))
    else:
        known = recognise_folder(folder)
        if not known:
            fix = "Name the data set with --as; your own images are --as folder."
            raise HilumError(folder, expected="the files of a data set that Hilum knows", found="none of them", fix=fix)
        contents = known[0]
    if json:
        print_json(_as_data(contents))
    else:
        _print_contents(contents)
    if not contents.readable:
        raise typer.Exit(1)


def _print_contents(contents: "FolderContents") -> None:
    source = contents.source
    echo(f"{contents.folder}: {source.title} ({source.name})")
    print_table(
        ["file", "what", "found", "of", ""],
        [
            [
                each.first or each.pattern,
                each.expected.what,
                f"{each.found:,}",
                _count(each.expected.count),
                _state(each),
            ]
            for each in contents.files
        ],
    )
    missing = [each for each in contents.files if each.missing]
    if missing:
        names = ", ".join(each.pattern for each in missing)
        echo(f"\nMissing: {names}. Where to get them: hilum data where {source.name}")
    elif contents.complete:
        echo("\nAll required files are present.")
    else:
        echo("\nReadable, but incomplete: the folder has fewer images than the data set.")


def _as_data(contents: "FolderContents") -> dict[str, object]:
    files = [
        {
            "pattern": each.pattern,
            "what": each.expected.what,
            "found": each.found,
            "first": each.first,
            "count": each.expected.count,
            "optional": each.expected.optional,
            "missing": each.missing,
        }
        for each in contents.files
    ]
    about = {"collection": contents.source.name, "folder": str(contents.folder)}
    return {**about, "readable": contents.readable, "complete": contents.complete, "files": files}


def _state(found: "FoundFiles") -> str:
    if found.missing:
        return "MISSING"
    return "absent (optional)" if not found.found else "incomplete" if found.incomplete else ""


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
