"""What may be replaced: only a directory that holds nothing but what Hilum leaves there."""

from collections.abc import Collection
from pathlib import Path

from hilum.errors import HilumError


def check_replaceable(directory: Path, left_by_hilum: Collection[str]) -> None:
    """Refuse to replace a directory with anything else in it.

    Args:
        directory: absent, empty, or to be replaced.
        left_by_hilum: names of the files and folders that an earlier run leaves there.

    Raises:
        HilumError: it is a file, or holds something else.
    """
    if directory.is_dir():
        foreign = sorted(path.name for path in directory.iterdir() if path.name not in left_by_hilum)
        found = f"{len(foreign):,} other files or folders in it ({', '.join(foreign[:3])})" if foreign else ""
    else:
        found = "a file" if directory.exists() else ""
    if found:
        raise HilumError(
            directory, expected="a new folder, or one to replace", found=found, fix="Name another folder to write to."
        )
