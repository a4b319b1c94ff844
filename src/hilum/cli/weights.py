"""Commands `hilum weights list | show | fetch | verify | import`: published pretrained weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.cli.options import AsJson

if TYPE_CHECKING:
    from hilum.encoders.published import PublishedWeights

_Folder = Annotated[
    Path | None,
    typer.Option("--weights-dir", help="Folder of weights. Default: HILUM_WEIGHTS, or the user's cache."),
]
_Unpickle = Annotated[
    bool, typer.Option("--unpickle", help="Read tensors from pickled objects, in a sandboxed process.")
]


def weights_app() -> typer.Typer:
    """Create the group of commands on weights."""
    app = typer.Typer(help="List, fetch, verify and import published weights.", no_args_is_help=True)
    app.command("list")(list_weights)
    app.command()(show)
    app.command()(fetch)
    app.command()(verify)
    app.command("import")(import_)
    return app


def list_weights(
    encoder: Annotated[str | None, typer.Option(help="List only weights of this encoder.")] = None,
    weights_dir: _Folder = None,
    as_json: AsJson = False,
) -> None:
    """List published weights, their licence and training data.

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
            # one line per row: `show` prints the complete method and licence
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
    name: Annotated[str, typer.Argument(help="Name of published weights (`hilum weights list`).")],
    weights_dir: _Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show the details of published weights.

    Details are source, checksums, licence, citation, normalisation and training data.

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
        "file": f"{source.file} ({_state(row, folder)})",
        "from": source.url or source.page,
        "sha-256": known or "not published; the checksum of the first imported file is stored",
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
    echo(f"  {'radiographs':14} {'none' if not statements else ''}".rstrip())
    for statement in statements:
        echo(f"    {statement.describe()}  ({statement.source})")


def fetch(
    name: Annotated[str, typer.Argument(help="Name of published weights.")],
    weights_dir: _Folder = None,
    unpickle: _Unpickle = False,
) -> None:
    """Download, verify and import published weights.

    The file is stored in the weights folder; an interrupted download is resumed. Without a network, or if a licence
    must be accepted first, the command prints which file to put where.

    \b
    Example:
      hilum weights fetch dinov2_vits14
    """
    from hilum.cli.console import echo, progress
    from hilum.encoders.published import fetch as download, find_weights, weights_folder

    row, folder = find_weights(name), weights_folder(weights_dir)
    with progress(f"Downloading {row.source.file} (MB)") as on_progress:
        path = download(row, folder, on_progress=on_progress)
    echo(f"{path}")
    _import(name, path, weights_dir=weights_dir, out=None, unpickle=unpickle)


def verify(
    file: Annotated[Path, typer.Argument(help="File as published by its authors.")],
    name: Annotated[
        str | None, typer.Option("--as", help="Name of published weights. Default: recognised by the file's name.")
    ] = None,
    weights_dir: _Folder = None,
    as_json: AsJson = False,
) -> None:
    """Verify a file of weights: checksum, completeness and keys.

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
    checksum = _checksum_state(published and report.layout == row.layouts[0], remembered, report.sha256)
    if as_json:
        from hilum.notes import notes_as_data

        print_json({**vars(report), "notes": notes_as_data(report.notes), "checksum": checksum})
        return
    echo(f"{file}: {row.name}, complete")
    echo(f"  sha-256 {report.sha256} ({checksum})")
    for line in report.as_lines():
        echo(f"  {line}")


def import_(
    file: Annotated[Path, typer.Argument(help="File of weights (published or your own), or its folder.")],
    name: Annotated[str | None, typer.Option("--as", help="Name of published weights.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Architecture of your own weights (`hilum encoders`).")] = None,
    layout: Annotated[
        str | None, typer.Option(help="With --encoder: naming scheme of the keys in the file, such as torchvision.")
    ] = None,
    trained_on: Annotated[
        str | None,
        typer.Option(
            help="With --encoder: training data: unknown, none (no radiographs), or a table of the training patients."
        ),
    ] = None,
    mean: Annotated[
        str | None,
        typer.Option(help="With --encoder: mean of the normalisation, for values in [0, 1]: one number or three."),
    ] = None,
    std: Annotated[
        str | None, typer.Option(help="With --encoder: standard deviation of the normalisation, as --mean.")
    ] = None,
    prefix: Annotated[
        str, typer.Option(help="With --encoder: prefix of all keys in the file, such as state_dict.backbone.")
    ] = "",
    method: Annotated[str, typer.Option(help="With --encoder: training method, for the model card.")] = "own weights",
    size: Annotated[
        int | None, typer.Option(min=1, help="With --encoder: side of the training images in pixels.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write the encoder to. Default: inside the weights folder.")
    ] = None,
    unpickle: _Unpickle = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="With --as: accept the file even if its name or checksum differs."),
    ] = False,
    weights_dir: _Folder = None,
) -> None:
    """Import a file of weights as an encoder.

    The encoder (encoder.safetensors and card.json) can be used as --init, and in study files.

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
    from hilum.notes import read_notes

    directory = import_weights(name, file, weights_dir=weights_dir, out=out, unpickle=unpickle, anyway=anyway)
    content = json.loads((directory / REPORT).read_text(encoding="utf-8"))
    for line in ImportReport(**{**content, "notes": read_notes(content["notes"])}).as_lines():
        echo(line)
    echo(f"Ready: init: {name}, or {directory}" if out is None else f"Ready: init: {directory}")


def _by_file(file: Path) -> "PublishedWeights":
    from hilum.encoders.published import rows_of_file
    from hilum.errors import HilumError

    fitting = rows_of_file(file.name)
    if len(fitting) == 1:
        return fitting[0]
    found = "no file of that name" if not fitting else f"a file of {' and '.join(row.name for row in fitting)}"
    fix = "Name the weights: --as NAME."
    raise HilumError(file, expected="the name of a published file", found=found, fix=fix)


def _described(row: "PublishedWeights", folder: Path) -> dict[str, Any]:
    trained_on = [statement.model_dump(mode="json") for statement in _all_statements(row)]
    return row.model_dump(mode="json") | {"trained_on": trained_on, "here": _here(row, folder)}


def _here(row: "PublishedWeights", folder: Path) -> str:
    from hilum.encoders.published import find_imported

    if find_imported(folder, row) is not None:
        return "imported"
    return "file" if (folder / row.source.file).is_file() else "no"


def _state(row: "PublishedWeights", folder: Path) -> str:
    here = _here(row, folder)
    return {"no": "not downloaded", "file": "downloaded"}.get(here, here)


def _all_statements(row: "PublishedWeights") -> list[Any]:
    from hilum.encoders.published import statements_of

    return statements_of(row)


def _checksum_state(published: bool, remembered: str | None, found: str) -> str:
    if published:
        return "as published"
    if remembered is None:
        return "no published checksum"
    return "as imported before" if remembered == found else "DIFFERENT from the file imported before under this name"


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
