"""Listing of image files: each folder is read once, and files that a link puts outside of the root are ignored."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.data.paths import is_utf8, printable
from hilum.data.tables import refuse_missing_unless, some
from hilum.notes import Code, Note, note

_SCHEMA = {"name": pl.String, "path": pl.String}


class ImageFiles:
    """Image files below a root.

    Args:
        root: Folder of the data set. Folders and files that are links out of it count as absent.

    Attributes:
        outside: Links that lead out of the root, relative to it.
        nameless: Files and folders whose names are not UTF-8, which no table can hold; they count as absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._inside: dict[str, bool] = {"": Path(self._root).is_dir()}
        self.outside: list[str] = []
        self.nameless: list[str] = []

    def present(self, paths: pl.Series) -> pl.Series:
        """Check which paths are files of the data set.

        Args:
            paths: Paths relative to the root, with "/"; N.

        Returns:
            (N,), true for existing files.
        """
        wanted = pl.DataFrame({"path": paths}).select("path", folder=_folder_of("path"))
        folders = wanted["folder"].drop_nulls().unique(maintain_order=True)
        listed = [f"{folder}/{name}".lstrip("/") for folder in folders for name in self._names_in(folder)]
        here = pl.Series("path", listed, dtype=pl.String)
        return wanted.select(pl.col("path").is_in(here.implode()).fill_null(False))["path"].rename("present")

    def listed(self, folders: Iterable[str], suffix: str) -> pl.DataFrame:
        """List the files in some folders; if several folders have a file of one name, the first.

        Args:
            folders: Folders relative to the root, "" for the root; missing folders are skipped.
            suffix: File name extension, such as ".png".

        Returns:
            `name`, `path` (relative to the root).
        """
        found: dict[str, str] = {}
        for folder in folders:
            for name in self._names_in(folder):
                if name.endswith(suffix) and not name.startswith("."):
                    found.setdefault(name, f"{folder}/{name}".lstrip("/"))
        return pl.DataFrame({"name": list(found), "path": list(found.values())}, schema=_SCHEMA)

    def notes(self) -> list[Note]:
        """Return notes on links that lead out of the root and on names that are not UTF-8."""
        notes = []
        if self.outside:
            notes.append(note(Code.LINKS_OUTSIDE, links=len(self.outside), examples=some(self.outside)))
        if nameless := sorted(set(self.nameless)):
            notes.append(note(Code.NAMES_NOT_UTF8, files=len(nameless), examples=some(nameless)))
        return notes

    def _names_in(self, folder: str) -> list[str]:
        if not is_utf8(folder):
            self.nameless.append(printable(folder))
            return []
        if not self._is_inside(folder):
            return []
        with os.scandir(f"{self._root}/{folder}") as entries:
            return [entry.name for entry in entries if self._is_text(entry) and entry.is_file() and self._is_own(entry)]

    def _is_text(self, entry: os.DirEntry[str]) -> bool:
        if is_utf8(entry.name):
            return True
        if not entry.name.startswith("."):
            self.nameless.append(printable(os.path.relpath(entry.path, self._root)))
        return False

    def _is_own(self, entry: os.DirEntry[str]) -> bool:
        return not entry.is_symlink() or self._stays(entry.path)

    def _is_inside(self, folder: str) -> bool:
        known = self._inside.get(folder)
        if known is None:
            above, _, name = folder.rpartition("/")
            known = name != ".." and self._is_inside(above) and self._leads_inside(f"{self._root}/{folder}")
            self._inside[folder] = known
        return known

    def _leads_inside(self, path: str) -> bool:
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            return False
        return stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and self._stays(path) and Path(path).is_dir())

    def _stays(self, link: str) -> bool:
        target = os.path.realpath(link)
        if os.path.commonpath([target, self._root]) == self._root:
            return True
        self.outside.append(printable(os.path.relpath(link, self._root)))
        return False


def check_files(images: pl.DataFrame, allow_missing: bool, notes: list[Note], where: Path, expected: str) -> None:
    """Refuse images without a file (null `path`), or note their number if the user allows them.

    Raises:
        HilumError: Images without a file, unless `allow_missing`.
    """
    missing = images.filter(pl.col("path").is_null())["image_id"]
    refuse_missing_unless(allow_missing, notes, where, expected, missing.to_list())


def note_unlisted_files(files: pl.DataFrame, images: pl.DataFrame, table: Path, notes: list[Note]) -> None:
    """Note how many image files have no row in the table of the data set."""
    unlisted = len(files.join(images, on="image_id", how="anti"))
    if unlisted:
        notes.append(note(Code.UNLISTED_FILES, images=unlisted, table=table.name))


def _folder_of(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"^(.*)/[^/]*$", 1).fill_null("")
