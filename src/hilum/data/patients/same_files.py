"""Search for files of identical content with few reads.

Files of different sizes differ. For files of equal size a few kilobytes from the middle and the end are compared first,
and only files that agree in these are read completely and compared by SHA-256. Of a hundred thousand PNG or JPEG files
hardly any is read completely, so no results are cached between runs. Two paths to the same file are not read.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hilum.artifacts import file_sha256

_SAMPLE = 4096  # bytes
_Group = list[int]


def same_files(
    paths: Sequence[Path | None], *, worth_reading: Callable[[Sequence[int]], bool] | None = None
) -> list[_Group]:
    """Group files of identical content.

    Args:
        paths: Paths of N files; None, missing, unreadable and empty files are in no group.
        worth_reading: Function of the rows of files of equal size; false: skip them. Default: always true.

    Returns:
        Rows of each group of two or more, ascending; the groups in the order of their first rows.
    """
    identity: dict[int, tuple[int, int]] = {}
    sizes: dict[int, _Group] = defaultdict(list)
    for row, path in enumerate(paths):
        try:
            state = path.stat() if path is not None else None
        except (OSError, ValueError):  # missing, or an invalid name
            continue
        if state is not None and state.st_size:
            identity[row] = state.st_dev, state.st_ino
            sizes[state.st_size].append(row)
    candidates = [rows for rows in sizes.values() if len(rows) > 1 and (worth_reading is None or worth_reading(rows))]
    with ThreadPoolExecutor() as pool:
        groups = [group for rows in candidates for group in _equal(paths, rows, identity, pool)]
    return sorted(groups)


def _equal(
    paths: Sequence[Path | None], rows: _Group, identity: dict[int, tuple[int, int]], pool: ThreadPoolExecutor
) -> Iterable[_Group]:
    """Return groups of identical content among files of equal size."""
    one_file: dict[tuple[int, int], _Group] = defaultdict(list)
    for row in rows:
        one_file[identity[row]].append(row)
    leaders = [[group[0] for group in one_file.values()]]
    for content in (_sample, _whole):
        leaders = [part for group in leaders if len(group) > 1 for part in _parted(paths, group, content, pool)]
    joined = [group for group in leaders if len(group) > 1]
    groups = [sorted(row for leader in group for row in one_file[identity[leader]]) for group in joined]
    joined_rows = {row for group in groups for row in group}
    groups += [group for group in one_file.values() if len(group) > 1 and group[0] not in joined_rows]
    return groups


def _parted(
    paths: Sequence[Path | None], rows: _Group, content: Callable[[Path], Hashable], pool: ThreadPoolExecutor
) -> list[_Group]:
    parts: dict[Hashable, _Group] = defaultdict(list)
    for row, found in zip(rows, pool.map(content, [Path(str(paths[row])) for row in rows]), strict=True):
        if found is not None:
            parts[found].append(row)
    return list(parts.values())


def _sample(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size // 2 - _SAMPLE // 2))
            digest = hashlib.sha256(stream.read(_SAMPLE))
            stream.seek(max(0, size - _SAMPLE))
            digest.update(stream.read(_SAMPLE))
    except OSError:
        return None
    return digest.digest()


def _whole(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None
