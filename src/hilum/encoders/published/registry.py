"""Registry of published weights, read from `registry.yaml`; new weights of a known layout need an entry only."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.artifacts import fingerprint
from hilum.declared import problem_text
from hilum.encoders.statements import Statement
from hilum.errors import HilumError, HilumErrors
from hilum.yaml_loader import key_lines, load_yaml

RANDOM, NOT_STATED = "random", "not stated"
_IMPORT_VERSION = 2
"""Version of the import. 2: periods and position rules of the file are kept."""

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]
_PerChannel = Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Row):
    """Source of a file.

    Attributes:
        file: File name in the weights folder.
        url: Address for downloading; None if it must be done by hand (form, drive, conversion).
        page: Web page about it, and to get it without `url`.
        sha256: Published SHA-256, hex; None if not published.
        sha256_begins, md5_begins: Published first digits.
        size: Size in bytes; None: not known.
        note: Steps beyond downloading; empty for none.
        also: Other file names of the same weights.
    """

    file: str
    also: tuple[str, ...] = ()
    url: str | None = None
    page: str
    sha256: Annotated[_Hex, Field(min_length=64, max_length=64)] | None = None
    sha256_begins: _Hex | None = None
    md5_begins: _Hex | None = None
    size: int | None = None
    note: str = ""


class PublishedWeights(_Row):
    """One row of the registry.

    Attributes:
        name: Name in Hilum.
        title: Short title.
        encoder: Architecture, a name of the catalogue.
        layouts: Native key layouts of the files (`hilum.encoders.published.key_maps.LAYOUTS`).
        method: Training method.
        data: Training data as text.
        source: Source of the file.
        licence: Licence of the weights, as stated by the authors.
        citation: Paper.
        mean, std: Normalisation of values in [0, 1], per channel (3, or 1 for gray images).
        image_size: Side of the training images in px.
        crop: "squeeze" (whole image), or the fraction of the side used in evaluation.
        trained_on: Provenance claims about radiographs in training; empty if there are none.
        starts_from: Name of the published initial weights, "random", or "not stated".
        classes: Number of classes of the classifier in the published file; 0: no classifier; None: both exist.
        findings: Outputs of the classifier (sigmoid), by Hilum's names, in order; empty if it is not kept.
        norm_absent: Name of a norm of the encoder that the published file lacks.
        remarks: Remarks for users.
    """

    name: str
    title: str
    encoder: str
    layouts: Annotated[tuple[str, ...], Field(min_length=1)]
    method: str
    data: str
    source: Source
    licence: str
    citation: str
    mean: _PerChannel
    std: _PerChannel
    image_size: int
    crop: float | str
    trained_on: tuple[Statement, ...] = ()
    starts_from: str = RANDOM
    classes: int | None = None
    findings: tuple[str, ...] = ()
    norm_absent: str = ""
    remarks: str = ""


@cache
def published_weights() -> dict[str, PublishedWeights]:
    """Read all rows by name, in the order of the table."""
    table = _read_table()
    problems, rows = [], {}
    for name, row in table["weights"].items():
        try:
            rows[name] = PublishedWeights.model_validate({"name": name, **row})
        except ValidationError as error:
            line = key_lines(_file().read_text(encoding="utf-8"))["weights", name]
            problems += [
                f"line {line}: {name}.{'.'.join(map(str, each['loc']))}: {problem_text(each)}"
                for each in error.errors()
            ]
    if problems:
        raise HilumErrors(_file(), problems, fix="edit these rows")
    return rows


@cache
def shorthands() -> dict[str, dict[str, str]]:
    """Read shorthands such as "imagenet1k": shorthand to encoder to name."""
    table: dict[str, dict[str, str]] = _read_table()["shorthands"]
    return table


def is_published(name: str) -> bool:
    """Return whether a name or shorthand is in the registry."""
    return name in published_weights() or name in shorthands()


def find_weights(name: str, encoder: str | None = None) -> PublishedWeights:
    """Return the row of a name, or of a shorthand and an encoder.

    Args:
        name: Name of the registry, or a shorthand such as "imagenet1k".
        encoder: Required encoder; None: any.

    Raises:
        HilumError: Unknown name, or weights of another encoder.
    """
    rows = published_weights()
    if name in shorthands():
        of = shorthands()[name]
        if encoder not in of:
            found = f"encoder {encoder}" if encoder else "no encoder"
            fix = f"{name} stands for: {', '.join(f'{weights} ({of})' for of, weights in of.items())}."
            raise HilumError(f"weights {name}", expected=f"one of {', '.join(of)}", found=found, fix=fix)
        return rows[of[encoder]]
    if name not in rows:
        near = _nearest(name, [*rows, *shorthands()])
        fix = f"Did you mean {near}? `hilum weights list` shows all." if near else "`hilum weights list` shows all."
        raise HilumError("weights", expected="the name of published weights", found=repr(name), fix=fix)
    row = rows[name]
    if encoder is not None and row.encoder != encoder:
        fitting = [other.name for other in rows.values() if other.encoder == encoder]
        fix = f"For {encoder} there are: {', '.join(fitting)}." if fitting else f"Use encoder {row.encoder}."
        raise HilumError(f"weights {name}", expected=f"those of {encoder}", found=f"those of {row.encoder}", fix=fix)
    return row


def statements_of(row: PublishedWeights) -> list[Statement]:
    """Return the provenance claims of weights and of those they started from."""
    before = published_weights().get(row.starts_from)
    return [*(statements_of(before) if before else []), *row.trained_on]


def rows_of_file(name: str) -> list[PublishedWeights]:
    """Return the rows with a published file of this name; two if one file contains two encoders."""
    return [row for row in published_weights().values() if name in (row.source.file, *row.source.also)]


def digest_of(row: PublishedWeights) -> str:
    """Return a digest of row and import version; if it changes, imported encoders must be imported again."""
    decisive = row.model_dump(
        mode="json", exclude={"title", "citation", "remarks", "crop", "source", "data", "trained_on"}
    )
    if not row.findings:
        del decisive["findings"]
    statements = [statement.model_dump(mode="json") for statement in statements_of(row)]
    return fingerprint([_IMPORT_VERSION, decisive, statements])[:16]


def _read_table() -> dict[str, Any]:
    table: dict[str, Any] = load_yaml(_file().read_text(encoding="utf-8"))
    return table


def _file() -> Traversable:
    return files("hilum.encoders.published").joinpath("registry.yaml")


def _nearest(name: str, names: list[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return near[0] if near else None
