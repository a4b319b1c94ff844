"""`hilum weights`: published weights – what there is, what they were trained on, and getting them ready."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from hilum.encoders.published import PublishedWeights

_Folder = Annotated[
    Path | None,
    typer.Option("--weights-dir", help="The weights folder; HILUM_WEIGHTS or the user's cache when left out."),
]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def weights_app() -> typer.Typer:
    """The subcommands."""
    app = typer.Typer(help="Published weights: list, get, check and import them.", no_args_is_help=True)
    app.command("list")(list_weights)
    app.command()(show)
    app.command()(fetch)
    app.command()(verify)
    app.command("import")(import_)
    return app


def list_weights(
    encoder: Annotated[str | None, typer.Option(help="Only weights of this encoder.")] = None,
    weights_dir: _Folder = None,
    as_json: _AsJson = False,
) -> None:
    """All published weights that Hilum loads, which radiographs they were trained on, and which are on this machine.

    \b
    Examples:
      hilum weights list
      hilum weights list --encoder densenet121 --json
    """
    from hilum.cli.console import echo, print_json, print_table
    from hilum.encoders.catalogue import ARCHITECTURES
    from hilum.encoders.published import published_weights, weights_folder
    from hilum.encoders.statements import describe_statements
    from hilum.errors import HilumError

    if encoder is not None and encoder not in ARCHITECTURES:
        fix = "`hilum encoders` lists them."
        raise HilumError("--encoder", expected="the name of an encoder", found=repr(encoder), fix=fix)
    folder = weights_folder(weights_dir)
    rows = [row for row in published_weights().values() if encoder in (None, row.encoder)]
    described = [_described(row, folder) for row in rows]
    if as_json:
        print_json(described)
        return
    print_table(
        ["name", "encoder", "method", "licence", "trained on", "here"],
        [
            # The whole of method and licence is in `show`: here a row is a line.
            [
                row.name,
                row.encoder,
                row.method.split(" (")[0].split(", ")[0],
                row.licence.split(" (")[0],
                describe_statements(_all_statements(row)),
                each["here"],
            ]
            for row, each in zip(rows, described, strict=True)
        ],
    )
    echo()
    echo(f"Weights folder: {folder}")


def show(
    name: Annotated[str, typer.Argument(help="Name of published weights, as `hilum weights list` shows it.")],
    weights_dir: _Folder = None,
    as_json: _AsJson = False,
) -> None:
    """All that is known of one: source, checksums, licence, citation, normalisation, what it was trained on.

    \b
    Examples:
      hilum weights show chexnet
      hilum weights show dinov2_vits14 --json
    """
    from hilum.cli.console import echo, print_json
    from hilum.encoders.published import RANDOM, find_weights, weights_folder

    row, folder = find_weights(name), weights_folder(weights_dir)
    if as_json:
        print_json(_described(row, folder))
        return
    source = row.source
    known = source.sha256 or (f"{source.sha256_begins}…" if source.sha256_begins else None)
    lines = {
        "encoder": row.encoder,
        "method": row.method,
        "trained on": row.data,
        "started from": "random weights" if row.starts_from == RANDOM else row.starts_from,
        "licence": row.licence,
        "cite": row.citation,
        "file": f"{source.file} ({_here(row, folder)})",
        "from": source.url or source.page,
        "sha-256": known or "not published; the first file that is imported is remembered",
        "md5": f"{source.md5_begins}…" if source.md5_begins else "",
        "key layouts": ", ".join(row.layouts),
        "normalisation": f"mean {_numbers(row.mean)}, std {_numbers(row.std)}, of values in [0, 1]",
        "image size": f"{row.image_size} px",
        "remarks": " ".join(filter(None, (row.remarks, source.note))),
    }
    echo(f"{row.name}: {row.title}")
    for label, text in lines.items():
        if text:
            echo(f"  {label:14} {text}")
    statements = _all_statements(row)
    echo(f"  {'has trained_on':14} {'no radiographs' if not statements else ''}".rstrip())
    for statement in statements:
        echo(f"    {statement.describe()}  ({statement.source})")


def fetch(
    name: Annotated[str, typer.Argument(help="Name of published weights.")],
    weights_dir: _Folder = None,
    unpickle: Annotated[
        bool, typer.Option("--unpickle", help="Take tensors out of pickled objects, in a sandboxed process.")
    ] = False,
) -> None:
    """Download a file into the weights folder, check it and import it; goes on where it broke off.

    Without a network, or where a licence has to be accepted first, it says which file to put where.

    \b
    Example:
      hilum weights fetch dinov2_vits14
    """
    from hilum.cli.console import echo, progress
    from hilum.encoders.published import fetch as download
    from hilum.encoders.published import find_weights, weights_folder

    row, folder = find_weights(name), weights_folder(weights_dir)
    with progress(f"Downloading {row.source.file} (MB)") as on_progress:
        path = download(row, folder, on_progress=on_progress)
    echo(f"{path}")
    _import(name, path, weights_dir=weights_dir, out=None, unpickle=unpickle)


def verify(
    file: Annotated[Path, typer.Argument(help="A file as its authors publish it.")],
    name: Annotated[
        str | None, typer.Option("--as", help="Name of published weights; the file's when left out.")
    ] = None,
    weights_dir: _Folder = None,
    as_json: _AsJson = False,
) -> None:
    """Check that a file is whole, is the published one, and that every one of its keys is accounted for.

    \b
    Example:
      hilum weights verify dinov2_vits14_pretrain.pth --as dinov2_vits14
    """
    from hilum.cli.console import echo, print_json
    from hilum.encoders.published import checkpoint_in, find_weights, load_file, remembered_checksum, weights_folder

    file = checkpoint_in(file)
    row = find_weights(name) if name else _by_file(file)
    _, report = load_file(row, file)
    remembered = remembered_checksum(weights_folder(weights_dir), row.name)
    published = bool(row.source.sha256 or row.source.sha256_begins or row.source.md5_begins)
    checksum = _checksum_in_words(published and report.layout == row.layouts[0], remembered, report.sha256)
    if as_json:
        print_json({**vars(report), "checksum": checksum})
        return
    echo(f"{file}: {row.name}, whole")
    echo(f"  sha-256 {report.sha256} ({checksum})")
    for line in report.as_lines():
        echo(f"  {line}")


def import_(
    file: Annotated[Path, typer.Argument(help="A file as its authors publish it, or one of your own; or its folder.")],
    name: Annotated[str | None, typer.Option("--as", help="Name of published weights.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Architecture of weights that are not published (`hilum encoders`).")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="With --encoder: how the file names its weights.")] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(
            help="With --encoder: unknown, none (no radiographs), or a table of the patients they were trained on."
        ),
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="With --encoder: of values in [0, 1]; one number, or three with commas.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="With --encoder: as --mean.")] = None,
    prefix: Annotated[
        str, typer.Option(help="With --encoder: in front of the layout's keys, as in state_dict.backbone.")
    ] = "",
    method: Annotated[str, typer.Option(help="With --encoder: how they were trained, for the card.")] = "own weights",
    size: Annotated[int | None, typer.Option(min=1, help="With --encoder: side in px they were trained at.")] = None,
    out: Annotated[Path | None, typer.Option(help="Directory to make; in the weights folder when left out.")] = None,
    unpickle: Annotated[
        bool, typer.Option("--unpickle", help="Take tensors out of pickled objects, in a sandboxed process.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="With --as: take it for the published file, whatever its name and checksum say."),
    ] = False,
    weights_dir: _Folder = None,
) -> None:
    """Make an encoder of a file: encoder.safetensors and card.json, from which a study starts.

    \b
    Examples:
      hilum weights import dinov2_vits14_pretrain.pth --as dinov2_vits14
      hilum weights import model.pth.tar --as chexnet --unpickle
      hilum weights import mine.pth --encoder resnet50 --layout torchvision --trained-on patients.csv
    """
    from hilum.cli import own_weights
    from hilum.cli.console import echo
    from hilum.data.replaceable import check_replaceable
    from hilum.encoders.published import StatedWeights, import_own
    from hilum.errors import HilumError

    if (name is None) == (encoder is None) or (encoder is not None and not (layout and trained_on)):
        fix = "Weights of your own also need --layout, and --trained-on unknown, none or a table."
        found = "both" if name and encoder else "neither" if not (name or encoder) else "--encoder without these"
        raise HilumError("weights import", expected="--as NAME, or --encoder NAME", found=found, fix=fix)
    if out is not None:
        check_replaceable(out, ("encoder.safetensors", "card.json", "import.json"))
    if name is not None:
        _import(name, file, weights_dir=weights_dir, out=out, unpickle=unpickle, anyway=anyway)
        return
    assert encoder is not None
    assert layout is not None
    assert trained_on is not None
    statements, patients = own_weights.trained_on(trained_on)
    stated = StatedWeights(
        encoder=encoder,
        layout=layout,
        method=method,
        mean=own_weights.numbers_of("--mean", mean),
        std=own_weights.numbers_of("--std", std),
        image_size=size,
        prefix=prefix,
        statements=statements,
        training_patients=patients,
    )
    directory, report = import_own(file, stated, out=out, weights_dir=weights_dir, unpickle=unpickle)
    for line in report.as_lines():
        echo(line)
    echo(f"Ready: init: {directory}")


def _import(
    name: str, file: Path, *, weights_dir: Path | None, out: Path | None, unpickle: bool, anyway: bool = False
) -> None:
    import json

    from hilum.cli.console import echo
    from hilum.encoders.published import REPORT, ImportReport, import_weights

    directory = import_weights(name, file, weights_dir=weights_dir, out=out, unpickle=unpickle, anyway=anyway)
    for line in ImportReport(**json.loads((directory / REPORT).read_text(encoding="utf-8"))).as_lines():
        echo(line)
    echo(f"Ready: init: {name}, or {directory}" if out is None else f"Ready: init: {directory}")


def _by_file(file: Path) -> "PublishedWeights":
    from hilum.encoders.published import rows_of_file
    from hilum.errors import HilumError

    fitting = rows_of_file(file.name)
    if len(fitting) == 1:
        return fitting[0]
    found = "no file of that name" if not fitting else f"a file of {' and '.join(row.name for row in fitting)}"
    fix = "Say whose it is: --as NAME."
    raise HilumError(file, expected="the name of a published file", found=found, fix=fix)


def _described(row: "PublishedWeights", folder: Path) -> dict[str, Any]:
    trained_on = [statement.model_dump(mode="json") for statement in _all_statements(row)]
    return row.model_dump(mode="json") | {"trained_on": trained_on, "here": _here(row, folder)}


def _here(row: "PublishedWeights", folder: Path) -> str:
    from hilum.encoders.published import find_imported

    if find_imported(folder, row) is not None:
        return "imported"
    return "file" if (folder / row.source.file).is_file() else "no"


def _all_statements(row: "PublishedWeights") -> list[Any]:
    from hilum.encoders.published import statements_of

    return statements_of(row)


def _checksum_in_words(published: bool, remembered: str | None, found: str) -> str:
    if published:
        return "as its authors publish it"
    if remembered is None:
        return "its authors publish none"
    return "as imported before" if remembered == found else "NOT the file that was imported under this name before"


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
