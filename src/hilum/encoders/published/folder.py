"""The weights folder of this machine.

Content: published files; checksums.json with the SHA-256 of the first file imported under each name; and
imported/NAME-SHA256/ with encoder.safetensors and card.json.
"""

import json
import os
from pathlib import Path

from hilum.artifacts import write_json
from hilum.data.paths import user_cache
from hilum.encoders.published.registry import PublishedWeights, digest_of
from hilum.errors import HilumError

VARIABLE = "HILUM_WEIGHTS"
_CHECKSUMS = "checksums.json"


def weights_folder(given: Path | None = None) -> Path:
    """Return the weights folder: as given, else of the environment variable HILUM_WEIGHTS, else in the user's cache."""
    if given is not None:
        return given.expanduser()
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    return user_cache("weights")


def imported_directory(folder: Path, name: str, sha256: str) -> Path:
    """Return the directory of an imported encoder."""
    return folder / "imported" / f"{name}-{sha256[:16]}"


def find_imported(folder: Path, row: PublishedWeights) -> Path | None:
    """Find the imported encoder of a row: that of the remembered file, else the only one; None if there is none.

    None also if the published file is in the folder but not imported, or if it was imported by an incompatible version.
    """
    known = remembered_checksum(folder, row.name)
    if known is not None and is_current(remembered := imported_directory(folder, row.name, known), row):
        return remembered
    if (folder / row.source.file).is_file():
        return None
    pattern = f"{row.name}-{'[0-9a-f]' * 16}/card.json"
    here = [path.parent for path in (folder / "imported").glob(pattern) if is_current(path.parent, row)]
    return here[0] if len(here) == 1 else None


def is_current(directory: Path, row: PublishedWeights) -> bool:
    """Return whether a directory contains an import by the current table and version."""
    report = directory / "import.json"
    if not ((directory / "card.json").is_file() and report.is_file()):
        return False
    return bool(json.loads(report.read_text(encoding="utf-8")).get("digest") == digest_of(row))


def remembered_checksum(folder: Path, name: str) -> str | None:
    """Return the SHA-256 of the first file imported under a name; None before that."""
    path = folder / _CHECKSUMS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return known.get(name)


def remember_checksum(folder: Path, row: PublishedWeights, sha256: str, layout: str, known_by: str) -> None:
    """Store the checksum of the first file of a name, and refuse others (trust on first use).

    Not for other layouts than the row's first (such as timm's version of the weights), nor for files that are only
    declared to be the published one.

    Raises:
        HilumError: Another file was imported under this name before.
    """
    if layout != row.layouts[0] or known_by not in ("checksum", "name"):
        return
    path = folder / _CHECKSUMS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    before = known.setdefault(row.name, sha256)
    if before != sha256:
        raise HilumError(
            f"weights {row.name}",
            expected=f"SHA-256 {before[:12]}…, the file imported first",
            found=f"{sha256[:12]}…",
            fix=f"One of the two is not the published file. To trust this one, remove the name from {path}.",
        )
    write_json(path, known)
