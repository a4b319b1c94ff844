"""Descriptions of data sets: `sources.yaml` as typed records."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS, COLLECTIONS


class ExpectedFiles(BaseModel):
    """Files of a data set.

    Attributes:
        any: Glob patterns below its folder; the first that matches is used; tables also with .gz.
        what: Content of the files.
        optional: True if Hilum reads the data set without them.
        count: Number of files in the complete data set; None for a single table, or if unknown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    any: list[str] = Field(min_length=1)
    what: str
    optional: bool = False
    count: int | None = None


class DataSource(BaseModel):
    """Data set with its terms and sources.

    Attributes:
        name: Name of the collection, as in a study's `data.NAME.collection`.
        title: Full name.
        images, patients: Numbers in the complete data set; None if not published.
        size: Size of the download, as text.
        licence: Terms of use.
        access: Requirements for access.
        where: Official pages, or contact.
        cite: Reference.
        below: Folders that an archive may create around its files.
        files: Expected files.
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
    """Return every data set that Hilum reads, in the order of `hilum.findings.COLLECTIONS`."""
    content = _own_sources()
    return tuple(
        DataSource.model_validate({"name": name, **(content.get(name) or _of_package(name))}) for name in COLLECTIONS
    )


@cache
def _own_sources() -> Mapping[str, Mapping[str, Any]]:
    """Read the descriptions of Hilum's own collections; added collections are not cached."""
    text = files("hilum.data.sources").joinpath("sources.yaml").read_text(encoding="utf-8")
    content: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return content


def _of_package(name: str) -> dict[str, Any]:
    """Return the description of an added collection, with empty texts for missing fields."""
    unknown: dict[str, Any] = {"title": name, "size": "", "licence": "", "access": "", "where": [], "files": []}
    return unknown | dict(ADDED_COLLECTIONS[name].source)


def data_source(name: str) -> DataSource:
    """Return one data set by the name of its collection.

    Raises:
        HilumError: Unknown data set.
    """
    found = next((source for source in data_sources() if source.name == name), None)
    if found is None:
        known = ", ".join(source.name for source in data_sources())
        raise HilumError("data set", expected=f"one of {known}", found=repr(name), fix="Use one of these.")
    return found
