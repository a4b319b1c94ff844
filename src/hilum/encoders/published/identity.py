"""Verification that a file is the published one of a registry row.

Keys and shapes identify the network, not who trained it: a lab's own CheXNet has the same keys as the published one.
Claims about the training data are only taken from the registry if the file is verified.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from hilum.encoders.published.fetching import Digests
from hilum.encoders.published.key_maps.layout import Layout
from hilum.encoders.published.registry import PublishedWeights, published_weights, rows_of_file
from hilum.encoders.statements import Statement
from hilum.errors import HilumError

KnownBy = Literal["checksum", "name", "stated", "word"]
"""checksum: published checksum; name: file name, if no checksum is published; stated: --anyway; word: --as only."""

UNKNOWN = Statement(
    certainty="unknown",
    source="not verified: only --as declares this file to be the published one; to vouch for it, import with --anyway",
)


def known_by(row: PublishedWeights, layout: str, path: Path, digests: Digests, *, anyway: bool) -> KnownBy:
    """Determine how a file is verified to be a row's.

    Args:
        row: Row of the registry.
        layout: Layout of the file, one of the row's; checksums are of files in the first.
        path: File; only its name is used.
        digests: Checksums of the file.
        anyway: The user vouches for the file.

    Raises:
        HilumError: Checksum or name are those of another row, or the checksum is not the published one.
    """
    _refuse_file_of_other_row(row, path, digests, anyway=anyway)
    ours = path.name in (row.source.file, *row.source.also)
    if layout == row.layouts[0]:
        right = digests.are_of(row.source)
        if right:
            return "checksum"
        if right is False and not anyway:
            raise _not_published(row, path, digests)
    if anyway:
        return "stated"
    return "name" if ours else "word"


def check_classifier(
    row: PublishedWeights, layout: Layout, tensors: Mapping[str, Tensor], path: Path, *, anyway: bool
) -> None:
    """Check that a file has the classifier of the published one.

    Raises:
        HilumError: No classifier, or another number of classes.
    """
    if row.classes is None or anyway:
        return
    found = classes_in(layout, tensors)
    if found == ({row.classes} if row.classes else set()):
        return
    expected = f"a classifier of {row.classes:,} classes" if row.classes else "no classifier"
    named = " and ".join(f"{classes:,}" for classes in sorted(found))
    fix = "These weights were not trained like the published ones. " + _own(path, row.encoder)
    raise HilumError(
        path,
        expected=f"{expected}, as in the published file of {row.name}",
        found=f"one of {named} classes" if found else "none",
        fix=fix,
    )


def classes_in(layout: Layout, tensors: Mapping[str, Tensor]) -> set[int]:
    """Return the numbers of classes of the classifiers in a file; empty without classifier."""
    if not layout.classifier:
        return set()
    found = set()
    for key, tensor in tensors.items():
        if tensor.ndim and re.fullmatch(layout.classifier, key):
            found.add(tensor.shape[-1 if key.endswith("kernel") else 0])  # Flax keeps the inputs first
    return found


def statements_for(row_statements: list[Statement], known: KnownBy | Literal[""]) -> list[Statement]:
    """Return the claims about an imported file: those of the row, plus "unknown" if the file is not verified."""
    return [*row_statements, UNKNOWN] if known == "word" else row_statements


def _refuse_file_of_other_row(row: PublishedWeights, path: Path, digests: Digests, *, anyway: bool) -> None:
    same = [other.name for other in published_weights().values() if other.source == row.source]
    for other in published_weights().values():
        if other.name not in same and digests.are_of(other.source):
            fix = f"Import it as what it is: --as {other.name}."
            found = f"that of {other.name}, by its checksum"
            raise HilumError(path, expected=f"the file of {row.name}", found=found, fix=fix)
    others = [other.name for other in rows_of_file(path.name) if other.name not in same]
    if others and not anyway and path.name not in (row.source.file, *row.source.also):
        fix = f"Import it --as {others[0]}, or, if only the name is the same, use --anyway."
        raise HilumError(
            path, expected=f"a file of {row.name}", found=f"the file name of {' and '.join(others)}", fix=fix
        )


def _not_published(row: PublishedWeights, path: Path, digests: Digests) -> HilumError:
    sha256 = row.source.sha256 or row.source.sha256_begins
    name, expected, found = (
        ("SHA-256", sha256, digests.sha256) if sha256 else ("MD5", row.source.md5_begins or "", digests.md5)
    )
    fix = (
        "All keys match, but it is not the published file: its values differ, or it was saved again. "
        f"{_own(path, row.encoder)} If you know that it is {row.name}, use --anyway."
    )
    return HilumError(path, expected=f"{name} {expected[:12]}…", found=f"{found[:12]}…", fix=fix)


def _own(path: Path, encoder: str) -> str:
    command = f"hilum weights import {path} --encoder {encoder} --layout LAYOUT --trained-on unknown"
    return f"Import other weights without a published name: {command}."
