"""Native JSON files: broken and too large files are refused."""

import json
from pathlib import Path
from typing import Any

from hilum.errors import HilumError

MAX_BYTES = 500_000_000
"""Largest size of a file, bytes; the largest public table of boxes as JSON has a few million bytes."""


def read_json(path: Path, *, of: str) -> Any:
    """Read a JSON file, UTF-8.

    Args:
        path: Path of the file.
        of: Expected content, for the message, such as "TBX11K's boxes".

    Raises:
        HilumError: Broken, nested too deeply, or larger than `MAX_BYTES`.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise HilumError(
            path, expected=f"at most {MAX_BYTES:,} bytes", found=f"{size:,}", fix=f"This is not a file of {of}."
        )
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        found = str(error).splitlines()[0]
        raise HilumError(path, expected=f"{of} as JSON", found=found, fix="Get the file again.") from error


def refuse_unlike(path: Path, *, of: str, expected: str) -> HilumError:
    """Return the error for JSON with other content."""
    return HilumError(path, expected=f"{of}: {expected}", found="other JSON", fix="Get the file again.")
