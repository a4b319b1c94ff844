"""What a folder holds of a data set, and what is missing. Names are looked at, no file is opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hilum.data.sources.describe import DataSource, ExpectedFiles, data_sources
from hilum.errors import HilumError

_ANYBODYS = ("*.png", "images/*.png", "images_*/images/*.png", "[0-9]*/*.png")
"""Patterns that no data set can be known by."""
_MOST = 2_000_000
"""Files of one pattern that are counted."""


@dataclass(frozen=True)
class FoundFiles:
    """One kind of files of a data set, as a folder holds it.

    Attributes:
        expected: what belongs to the data set.
        pattern: the one that matched, or the first where none did.
        found: how many files.
        first: name of one of them, below the folder; empty where there is none.
    """

    expected: ExpectedFiles
    pattern: str
    found: int
    first: str

    @property
    def missing(self) -> bool:
        """Whether the data set cannot be read for lack of these files."""
        return not self.found and not self.expected.optional

    @property
    def incomplete(self) -> bool:
        """Whether there are fewer files than the whole data set has."""
        return 0 < self.found < (self.expected.count or 0)


@dataclass(frozen=True)
class FolderContents:
    """A folder, looked at as one data set.

    Attributes:
        source: the data set.
        folder: where its files are: the folder itself, or one below it that the archive made.
        files: each kind of files.
    """

    source: DataSource
    folder: Path
    files: list[FoundFiles]

    @property
    def readable(self) -> bool:
        """Whether all that must be there is there."""
        return not any(each.missing for each in self.files)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing or fewer than it should be, optional files left aside."""
        return self.readable and not any(each.incomplete and not each.expected.optional for each in self.files)


def examine_folder(folder: Path, source: DataSource) -> FolderContents:
    """Look for the files of a data set.

    Args:
        folder: that should hold it, as it was unpacked.
        source: the data set.

    Raises:
        HilumError: there is no such folder.
    """
    if not folder.is_dir():
        raise HilumError(
            folder, expected="a folder", found="a file" if folder.exists() else "nothing", fix="Check the path."
        )
    places = [folder, *(folder / name for name in source.below)]
    contents = [FolderContents(source, place, _files_in(place, source)) for place in places if place.is_dir()]
    return max(contents, key=_score)


def recognise_folder(folder: Path) -> list[FolderContents]:
    """Data sets that a folder may hold, the likeliest first: those with a table, or a folder, of the right name.

    Args:
        folder: to look at.

    Returns:
        Without `folder`, which any images are; empty where nothing is known again.

    Raises:
        HilumError: there is no such folder.
    """
    found = [examine_folder(folder, source) for source in data_sources() if source.name != "folder"]
    known = [contents for contents in found if _is_recognised(contents)]
    return sorted(known, key=_score, reverse=True)


def _is_recognised(contents: FolderContents) -> bool:
    """By a file that no other data set has: a table, or images in folders named as only it names them."""
    return any(each.found and each.pattern not in _ANYBODYS for each in contents.files)


def _score(contents: FolderContents) -> tuple[bool, float, int]:
    required = [each for each in contents.files if not each.expected.optional]
    there = sum(bool(each.found) for each in required)
    return contents.readable, there / max(1, len(required)), sum(bool(each.found) for each in contents.files)


def _files_in(folder: Path, source: DataSource) -> list[FoundFiles]:
    return [_look_for(folder, expected) for expected in source.files]


def _look_for(folder: Path, expected: ExpectedFiles) -> FoundFiles:
    for pattern in expected.any:
        names = _names(folder, pattern)
        first = next(names, None)
        if first is not None:
            return FoundFiles(expected, pattern, 1 + sum(1 for _ in islice(names, _MOST)), first)
    return FoundFiles(expected, expected.any[0], 0, "")


def _names(folder: Path, pattern: str) -> Iterator[str]:
    """Files of a pattern, by their names below the folder."""
    base = folder
    while pattern.startswith("../"):
        base, pattern = base.parent, pattern.removeprefix("../")
    plain = not any(sign in pattern for sign in "*?[")
    for each in (pattern, f"{pattern}.gz") if plain else (pattern,):
        for path in base.glob(each):
            if path.is_file() and not path.name.startswith("."):
                yield path.relative_to(base).as_posix()
                if plain:
                    return
