"""Findings that each collection labels, and their names in the collection's own tables.

The layouts are read in `hilum.data.collections`. A finding that a data set does not label is missing from its map, and
null in its manifest.
"""

import csv
from collections.abc import Callable, KeysView, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from hilum.errors import HilumError
from hilum.extensions import COLLECTIONS as GROUP, Registry, wrong_kind
from hilum.findings.vocabulary import VOCABULARY, bare_name, canonical, spellings


@dataclass(frozen=True)
class AddedCollection:
    """Data set of an installed package, added by an entry point of `hilum.collections`.

    Attributes:
        read: `read(root, *, allow_missing, on_progress)`: reads the data set's folder into a
            `hilum.data.collections.Dataset`, as the modules of `hilum.data.collections` do.
        findings: Labelled findings: name in `VOCABULARY` to the name in the data set's own tables.
        published_ids: True if patient ids are published pseudonyms, as in public data sets; otherwise they may be a
            hospital's ids, and cards hold them hashed with the user's secret salt.
        source: Text for `hilum data where`: `title`, `licence`, `access`, `size`, `where`, `files`, … as in
            `hilum.data.sources.DataSource`; may be empty.
    """

    read: Callable[..., Any]
    findings: Mapping[str, str]
    published_ids: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)


def _collection(name: str, added: object) -> AddedCollection:
    """Check the object of an entry point of `hilum.collections`."""
    if not isinstance(added, AddedCollection):
        raise wrong_kind(GROUP, name, "a hilum.findings.AddedCollection", added)
    if unknown := [finding for finding in added.findings if finding not in VOCABULARY]:
        raise HilumError(
            f"entry point {name} of {GROUP}",
            expected="findings of the vocabulary, by their canonical names",
            found=", ".join(unknown),
            fix="`hilum findings` lists them.",
        )
    return added


ADDED_COLLECTIONS: Registry[AddedCollection] = Registry(GROUP, {}, _collection)
"""Added collections by name."""


def _own() -> dict[str, dict[str, str]]:
    """Read the names of Hilum's own collections; `folder`'s findings are those of the user's table."""
    text = files("hilum.findings").joinpath("native_names.csv").read_text(encoding="utf-8")
    own: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(text.splitlines()):
        own.setdefault(row["collection"], {})[row["finding"]] = row["name"]
    return {**own, "folder": {}}


_LABELLED: Mapping[str, Mapping[str, str]] = Registry(
    GROUP, _own(), lambda name, added: _collection(name, added).findings
)
COLLECTIONS: KeysView[str] = _LABELLED.keys()
"""Names of the collections that Hilum can read: its own, `folder` (the user's own images), and those of installed
packages."""


def labelled_by(collection: str) -> Mapping[str, str]:
    """Return the findings that a collection labels: canonical name to the name in its own tables.

    Empty for `folder`, whose findings are those of the user's table.

    Raises:
        HilumError: Unknown collection.
    """
    if collection not in _LABELLED:
        raise HilumError(
            "collection", expected=f"one of {', '.join(COLLECTIONS)}", found=repr(collection), fix="Use one."
        )
    return MappingProxyType(dict(_LABELLED[collection]))


def native(finding: str, collection: str) -> str:
    """Return a finding's name in a data set's own tables; the canonical name if the data set does not label it.

    Raises:
        HilumError: Unknown finding or collection.
    """
    return labelled_by(collection).get(canonical(finding), canonical(finding))


@cache
def labelled_spellings(collection: str) -> Mapping[str, str]:
    """Return every spelling, normalised by `bare_name`, of the findings that a collection labels, with canonical names.

    Raises:
        HilumError: Unknown collection.
    """
    labelled = labelled_by(collection)
    known = {spelling: finding for spelling, finding in spellings().items() if finding in labelled}
    return MappingProxyType(known | {bare_name(written): finding for finding, written in labelled.items()})


def labelled_finding(name: str, collection: str) -> str | None:
    """Return the finding that a name in a collection's table means; None if the collection does not label it.

    Args:
        name: Name in the table: the collection's own word, or any spelling that `canonical` accepts.
        collection: Name of the collection.

    Raises:
        HilumError: Unknown collection.
    """
    return labelled_spellings(collection).get(bare_name(name))
