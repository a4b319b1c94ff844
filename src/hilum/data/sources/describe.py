"""Data sets, described: `sources.yaml` as typed records."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS


class ExpectedFiles(BaseModel):
    """Files that belong to a data set.

    Attributes:
        any: patterns below its folder, the first that matches counts; tables also with .gz.
        what: what they hold.
        optional: whether Hilum reads the data set without them.
        count: how many there are in the whole data set; None where it is one table, or not known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    any: list[str] = Field(min_length=1)
    what: str
    optional: bool = False
    count: int | None = None


class DataSource(BaseModel):
    """A data set: what it is, on what terms and where it is to be had.

    Attributes:
        name: of the collection, as in a study's `data.NAME.collection`.
        title: its full name.
        images, patients: of the whole data set; None where not published.
        size: of the download, in words.
        licence: its terms.
        access: what it takes to get it.
        where: official pages, or whom to ask.
        cite: the paper.
        below: folders that an archive may have made around its files.
        files: that belong to it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    title: str
    images: int | None = None
    patients: int | None = None
    size: str
    licence: str
    access: str
    where: list[str]
    cite: str = ""
    below: list[str] = []
    files: list[ExpectedFiles]


def data_sources() -> tuple[DataSource, ...]:
    """Every data set that Hilum reads, in the order of `hilum.findings.COLLECTIONS`."""
    content = _own_sources()
    return tuple(
        DataSource.model_validate({"name": name, **(content.get(name) or _of_package(name))}) for name in COLLECTIONS
    )


@cache
def _own_sources() -> Mapping[str, Mapping[str, Any]]:
    """What Hilum says of those that it reads itself; packages that are found later are not kept."""
    text = files("hilum.data.sources").joinpath("sources.yaml").read_text(encoding="utf-8")
    content: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return content


def _of_package(name: str) -> dict[str, Any]:
    """What the package says that adds a data set; empty texts for the rest."""
    unknown: dict[str, Any] = {"title": name, "size": "", "licence": "", "access": "", "where": [], "files": []}
    return unknown | dict(ADDED_COLLECTIONS[name].source)


def data_source(name: str) -> DataSource:
    """One data set by the name of its collection.

    Raises:
        HilumError: Hilum reads no such data set.
    """
    found = next((source for source in data_sources() if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in data_sources())
        raise HilumError("data set", expected=f"one of {known}", found=repr(name), fix="Use one of these.")
    return found
