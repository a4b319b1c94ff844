"""Where weights lie on this machine: the weights folder.

It holds files as their authors publish them, downloaded or put there by hand; checksums.json, the SHA-256 of the first
file that was imported under each name; and imported/NAME-SHA256/ with encoder.safetensors and card.json.
"""

import json
import os
import sys
from pathlib import Path

from hilum.artifacts import write_json
from hilum.encoders.published.registry import PublishedWeights
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


def find_imported(folder: Path, name: str) -> Path | None:
    """An encoder that was imported under a name, of the remembered file or else the only one; None for none."""
    known = remembered_checksum(folder, name)
    if known is not None and (imported_directory(folder, name, known) / "card.json").is_file():
        return imported_directory(folder, name, known)
    here = sorted(path.parent for path in (folder / "imported").glob(f"{name}-{'[0-9a-f]' * 16}/card.json"))
    return here[0] if len(here) == 1 else None


def remembered_checksum(folder: Path, name: str) -> str | None:
    """The SHA-256 of the first file that was imported under a name; None before that."""
    path = folder / _CHECKSUMS
    known: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return known.get(name)


def remember_checksum(folder: Path, row: PublishedWeights, sha256: str, layout: str) -> None:
    """Keep the checksum of the first file of a name, and refuse another one where the authors publish none.

    Files of other layouts than the row's first (timm's edition of the same weights) are other files; they pass.

    Raises:
        HilumError: another file was imported under this name before.
    """
    if layout != row.layouts[0]:
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
