"""The table of published weights, `registry.yaml`, read and checked.

The table is data: adding weights of a layout that is known takes an entry and no code.
"""

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.artifacts import fingerprint
from hilum.encoders.statements import Statement
from hilum.errors import HilumError, HilumErrors
from hilum.yaml_loader import load_yaml

_TABLE = "registry.yaml"
RANDOM, NOT_STATED = "random", "not stated"
_IMPORT_VERSION = 2
"""Of the way from a file to an encoder. 2: periods and rules for positions are the file's own."""

_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]+$")]
_PerChannel = Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Row):
    """Where a file is to be had.

    Attributes:
        file: its name in the weights folder.
        url: to download it; None where a person has to (a form, a drive, a conversion).
        page: to read about it, and to get it where there is no `url`.
        sha256: of the file, hex; None where its authors publish none.
        sha256_begins, md5_begins: as many digits as its authors publish.
        size: bytes; None where not known.
        note: what a person has to do beyond downloading; empty for nothing.
        also: other names under which its authors give the same weights.
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
    """One row of the table.

    Attributes:
        name: by which Hilum knows them.
        title: in a few words.
        encoder: architecture, a name of Hilum's catalogue.
        layouts: native key layouts that their files come in (`hilum.encoders.published.key_maps.LAYOUTS`).
        method: how they were trained.
        data: what they were trained on, in words.
        source: where the file is.
        licence: of the weights, as their authors state it.
        citation: of the paper.
        mean, std: normalisation of values in [0, 1], one number a channel (3, or 1 for weights of gray images).
        image_size: side in px that they were trained at.
        crop: "squeeze" (whole image), or the fraction of the side that evaluation keeps.
        trained_on: radiographs that had a part in them; empty where there were none.
        starts_from: name of the published weights that they started from; "random"; or "not stated" by their authors.
        classes: how many classes the classifier in the published file has; 0 where there is none, and a file that has
            one is another; None where either is published.
        findings: what that classifier scores, each by a sigmoid, by Hilum's names and in its order; empty where it is
            not kept.
        norm_absent: name of a norm of the encoder that the published file does not have, weight and bias both.
        remarks: what a user should know.
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
    """All rows, by name, in the order of the table."""
    table = _read_table()
    problems, rows = [], {}
    for name, row in table["weights"].items():
        try:
            rows[name] = PublishedWeights.model_validate({"name": name, **row})
        except ValidationError as error:
            problems += [f"{name}.{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    if problems:
        raise HilumErrors(_TABLE, problems, fix="fix the table.")
    return rows


@cache
def shorthands() -> dict[str, dict[str, str]]:
    """Names that mean other weights for every encoder ("imagenet1k"): shorthand to encoder to name."""
    table: dict[str, dict[str, str]] = _read_table()["shorthands"]
    return table


def is_published(name: str) -> bool:
    """Whether a name or a shorthand is in the table."""
    return name in published_weights() or name in shorthands()


def find_weights(name: str, encoder: str | None = None) -> PublishedWeights:
    """The row of a name, or of a shorthand and an encoder.

    Args:
        name: of the table, or a shorthand such as "imagenet1k".
        encoder: that the weights have to be of; None for any.

    Raises:
        HilumError: no such name, or its weights are of another encoder.
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
    """What weights were trained on, and those before them that they started from."""
    before = published_weights().get(row.starts_from)
    return [*(statements_of(before) if before else []), *row.trained_on]


def rows_of_file(name: str) -> list[PublishedWeights]:
    """The rows whose authors publish a file of this name; two where one file makes two encoders."""
    return [row for row in published_weights().values() if name in (row.source.file, *row.source.also)]


def digest_of(row: PublishedWeights) -> str:
    """Changes when an encoder that was imported under the row has to be imported again: another Hilum, another row."""
    decisive = row.model_dump(
        mode="json", exclude={"title", "citation", "remarks", "crop", "source", "data", "trained_on"}
    )
    if not row.findings:
        del decisive["findings"]
    statements = [statement.model_dump(mode="json") for statement in statements_of(row)]
    return fingerprint([_IMPORT_VERSION, decisive, statements])[:16]


def _read_table() -> dict[str, Any]:
    text = files("hilum.encoders.published").joinpath(_TABLE).read_text(encoding="utf-8")
    table: dict[str, Any] = load_yaml(text)
    return table


def _nearest(name: str, names: list[str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return near[0] if near else None
