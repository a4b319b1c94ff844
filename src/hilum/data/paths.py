"""Checks of file names and paths: UTF-8, and inside the root."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

NOT_UTF8 = "a name that is not UTF-8: no table can hold it; rename the file or its folder"
"""Reason for the exclusion of a file whose path is not UTF-8."""
NOT_ON_DISK = "not on disk"
"""Reason for the exclusion of an image without a file."""
OUTSIDE = "a path out of the data set's folder"
"""Reason for the exclusion of a file outside of the root."""


def is_utf8(name: str) -> bool:
    """Return true for a name that can be encoded as UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    r"""Return the name, with escapes such as `\xed` for bytes that are not UTF-8."""
    return name if is_utf8(name) else os.fsencode(name).decode(errors="backslashreplace")


def user_cache(name: str) -> Path:
    """Return a folder of Hilum in the user's cache."""
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "hilum" / name


def size_and_time(path: Path | None) -> tuple[int, int]:
    """Return a file's size, bytes, and time of its last change, ns; -1 and -1 if it is missing."""
    try:
        state = path.stat() if path is not None else None
    except (OSError, ValueError):  # missing, or an invalid name
        state = None
    return (state.st_size, state.st_mtime_ns) if state else (-1, -1)


def visible_files(root: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted within each folder, except hidden ones; linked folders are skipped."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def leads_inside(path: Path, root: Path) -> bool:
    """Return true for a path that is below a root after symbolic links are resolved.

    Args:
        path: Path of a file, which need not exist.
        root: Resolved path of the root.
    """
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # circular links; an invalid name
        return False
