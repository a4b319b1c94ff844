"""Check of an output directory: only one that holds nothing but Hilum's own output may be replaced."""

import re
from collections.abc import Collection
from pathlib import Path

from hilum.errors import HilumError
from hilum.wording import counted


def check_replaceable(directory: Path, own_names: Collection[str]) -> None:
    """Refuse to replace a directory with other files in it.

    Args:
        directory: Missing, empty, or existing output.
        own_names: Names of the files and folders that an earlier run writes there.

    Raises:
        HilumError: It is a file, or holds something else.
    """
    if directory.is_dir():
        foreign = sorted(path.name for path in directory.iterdir() if _written_name(path.name) not in own_names)
        count = counted(len(foreign), "other file or folder", "other files or folders")
        found = f"{count} in it ({', '.join(foreign[:3])})" if foreign else ""
    else:
        found = "a file" if directory.exists() else ""
    if found:
        raise HilumError(
            directory, expected="a new folder, or one to replace", found=found, fix="Name another folder to write to."
        )


def _written_name(name: str) -> str:
    """Return the name of the file or folder whose writing was interrupted (`hilum.artifacts`), or the name itself."""
    interrupted = re.fullmatch(r"\.(.+?)(\.\d+)?\.(partial|lock|outdated)", name)
    return interrupted[1] if interrupted else name
