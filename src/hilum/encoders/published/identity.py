"""Whether a file is the one that a row of the table speaks of, and what that is known by.

Keys and shapes say what network a file is of, and never who trained it: a lab's own CheXNet has the keys of the
published one. What weights were trained on follows from who trained them, so it is taken from the table only as far as
the file is known.
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
"""checksum: the authors publish it; name: of the file, where they publish none; stated: by --anyway; word: --as
alone."""

UNKNOWN = Statement(
    certainty="unknown",
    source="nothing but --as says that this file is the published one; to vouch for it, import it with --anyway",
)


def known_by(row: PublishedWeights, layout: str, path: Path, digests: Digests, *, anyway: bool) -> KnownBy:
    """What a file is known by to be a row's.

    Args:
        row: of the table.
        layout: of the file, one of the row's. Checksums are of files in the first.
        path: the file; only its name is looked at.
        digests: of the file.
        anyway: somebody vouches for it.

    Raises:
        HilumError: by its checksum or by its name it is the file of another row; or its checksum is not the published
            one.
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
    """Refuse a file whose classifier is not the published one's: the weights were trained on something else.

    Raises:
        HilumError: it has none, or one of another number of classes.
    """
    if row.classes is None or anyway:
        return
    found = classes_in(layout, tensors)
    if found == ({row.classes} if row.classes else set()):
        return
    expected = f"a classifier of {row.classes:,} classes" if row.classes else "no classifier"
    named = " and ".join(f"{classes:,}" for classes in sorted(found))
    fix = "These weights were trained otherwise than the published ones. " + _own(path, row.encoder)
    raise HilumError(
        path,
        expected=f"{expected}, as in the published file of {row.name}",
        found=f"one of {named} classes" if found else "none",
        fix=fix,
    )


def classes_in(layout: Layout, tensors: Mapping[str, Tensor]) -> set[int]:
    """How many classes the classifiers in a file have; empty where there are none."""
    if not layout.classifier:
        return set()
    found = set()
    for key, tensor in tensors.items():
        if tensor.ndim and re.fullmatch(layout.classifier, key):
            found.add(tensor.shape[-1 if key.endswith("kernel") else 0])  # Flax keeps the inputs first
    return found


def statements_for(row_statements: list[Statement], known: KnownBy | Literal[""]) -> list[Statement]:
    """Statements about an imported file: the row's statements, and that nothing is known where nobody vouches."""
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
        fix = f"Import it --as {others[0]}, or, if it only bears that name, say so with --anyway."
        raise HilumError(
            path, expected=f"a file of {row.name}", found=f"the file name of {' and '.join(others)}", fix=fix
        )


def _not_published(row: PublishedWeights, path: Path, digests: Digests) -> HilumError:
    sha256 = row.source.sha256 or row.source.sha256_begins
    name, expected, found = (
        ("SHA-256", sha256, digests.sha256) if sha256 else ("MD5", row.source.md5_begins or "", digests.md5)
    )
    fix = (
        "Every key fits and the file can be read, but it is not the file that its authors publish: its numbers differ, "
        f"or somebody wrote it anew. {_own(path, row.encoder)} If you know it for {row.name}, say so with --anyway."
    )
    return HilumError(path, expected=f"{name} {expected[:12]}…", found=f"{found[:12]}…", fix=fix)


def _own(path: Path, encoder: str) -> str:
    command = f"hilum weights import {path} --encoder {encoder} --layout LAYOUT --trained-on unknown"
    return f"Weights of somebody else are imported under no published name: {command}."
