"""The weights folder of this machine.

It holds files as their authors publish them, downloaded or put there by hand; checksums.json, the SHA-256 of the first
file that was imported under each name; and imported/NAME-SHA256/ with encoder.safetensors and card.json.
"""

import json
import os
import sys
from pathlib import Path

from hilum.artifacts import write_json
from hilum.encoders.published.registry import PublishedWeights, digest_of
from hilum.errors import HilumError

VARIABLE = "HILUM_WEIGHTS"
_CHECKSUMS = "checksums.json"


def weights_folder(given: Path | None = None) -> Path:
    """The weights folder: as given, else by the environment variable HILUM_WEIGHTS, else in the user's cache."""
    if given is not None:
        return given.expanduser()
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "hilum" / "weights"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "hilum" / "weights"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hilum" / "weights"


def imported_directory(folder: Path, name: str, sha256: str) -> Path:
    """Where weights of a file are, or will be, as an encoder."""
    return folder / "imported" / f"{name}-{sha256[:16]}"


def find_imported(folder: Path, row: PublishedWeights) -> Path | None:
    """An encoder that was imported under a row's name: of the remembered file, else the only one; None for none.

    While the published file is in the folder and was never imported, what came of another file does not count. Nor
    does what an earlier Hilum imported by other rules.
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
    """Whether a directory holds an import of a row as the table and this Hilum make it."""
    report = directory / "import.json"
    if not ((directory / "card.json").is_file() and report.is_file()):
        return False
    return bool(json.loads(report.read_text(encoding="utf-8")).get("digest") == digest_of(row))


def remembered_checksum(folder: Path, name: str) -> str | None:
    """The SHA-256 of the first file that was imported under a name; None before that."""
    path = folder / _CHECKSUMS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return known.get(name)


def remember_checksum(folder: Path, row: PublishedWeights, sha256: str, layout: str, known_by: str) -> None:
    """Keep the checksum of the first file of a name, and refuse another one where the authors publish none.

    Files of other layouts than the row's first (timm's edition of the same weights) are other files; they pass. So do
    files that only somebody's word makes the published one: they neither count as it nor keep it out.

    Raises:
        HilumError: another file was imported under this name before.
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
