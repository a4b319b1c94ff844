"""Recognition of data sets by file names: files found and missing in a folder. No file is opened."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hilum.data.sources.describe import DataSource, ExpectedFiles, data_sources
from hilum.errors import HilumError

_ANYBODYS = ("*.png", "images/*.png", "images_*/images/*.png", "[0-9]*/*.png")
"""Patterns that match many data sets and identify none."""
_MOST = 2_000_000
"""Largest number of files of one pattern that are counted."""


@dataclass(frozen=True)
class FoundFiles:
    """Files of one kind found in a folder.

    Attributes:
        expected: Expected files.
        pattern: Pattern that matched, or the first one.
        found: Number of files.
        first: Name of one of them, relative to the folder; empty if there is none.
    """

    expected: ExpectedFiles
    pattern: str
    found: int
    first: str

    @property
    def missing(self) -> bool:
        """True if required files are missing."""
        return not self.found and not self.expected.optional

    @property
    def incomplete(self) -> bool:
        """True if there are fewer files than in the complete data set."""
        return 0 < self.found < (self.expected.count or 0)


@dataclass(frozen=True)
class FolderContents:
    """Files of one data set in a folder.

    Attributes:
        source: Data set.
        folder: Folder of the files: the given folder, or one below it that the archive created.
        files: Each kind of files.
    """

    source: DataSource
    folder: Path
    files: list[FoundFiles]

    @property
    def readable(self) -> bool:
        """True if all required files are present."""
        return not any(each.missing for each in self.files)

    @property
    def complete(self) -> bool:
        """True if no required file is missing or incomplete."""
        return self.readable and not any(each.incomplete and not each.expected.optional for each in self.files)


def examine_folder(folder: Path, source: DataSource) -> FolderContents:
    """Search for the files of a data set.

    Args:
        folder: Folder of the unpacked data set.
        source: Data set.

    Raises:
        HilumError: The folder does not exist.
    """
    if not folder.is_dir():
        raise HilumError(
            folder, expected="a folder", found="a file" if folder.exists() else "nothing", fix="Check the path."
        )
    places = [folder, *(folder / name for name in source.below)]
    contents = [FolderContents(source, place, _files_in(place, source)) for place in places if place.is_dir()]
    return max(contents, key=_score)


def recognise_folder(folder: Path) -> list[FolderContents]:
    """Return the data sets that a folder may contain, most likely first, by a table or folder of the right name.

    Args:
        folder: Folder to search.

    Returns:
        Without the collection `folder`, which matches any images; empty if nothing is recognised.

    Raises:
        HilumError: The folder does not exist.
    """
    found = [examine_folder(folder, source) for source in data_sources() if source.name != "folder"]
    known = [contents for contents in found if _is_recognised(contents)]
    return sorted(known, key=_score, reverse=True)


def _is_recognised(contents: FolderContents) -> bool:
    """Return true for a file that no other data set has: a table, or images in specific folders."""
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
    """Yield files of a pattern, by their names relative to the folder."""
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
