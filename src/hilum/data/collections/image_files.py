"""Which image files are here: each folder looked at once, and none that a link puts outside of the root."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from hilum.data.paths import is_utf8, printable

_SCHEMA = {"name": pl.String, "path": pl.String}


class ImageFiles:
    """Files below a root.

    Args:
        root: the data set's folder. Folders and files that are links out of it count as absent.

    Attributes:
        outside: links met that lead out of the root, relative to it.
        nameless: files and folders met whose names are not UTF-8, which no table can hold; they count as absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._inside: dict[str, bool] = {"": Path(self._root).is_dir()}
        self.outside: list[str] = []
        self.nameless: list[str] = []

    def present(self, paths: pl.Series) -> pl.Series:
        """Which of these are files here.

        Args:
            paths: relative to the root, with "/"; N.

        Returns:
            (N,) of true and false.
        """
        wanted = pl.DataFrame({"path": paths}).select("path", folder=_folder_of("path"))
        folders = wanted["folder"].drop_nulls().unique(maintain_order=True)
        listed = [f"{folder}/{name}".lstrip("/") for folder in folders for name in self._names_in(folder)]
        here = pl.Series("path", listed, dtype=pl.String)
        return wanted.select(pl.col("path").is_in(here.implode()).fill_null(False))["path"].rename("present")

    def listed(self, folders: Iterable[str], suffix: str) -> pl.DataFrame:
        """The files in some folders; of a name that is in several, the first.

        Args:
            folders: relative to the root, "" for itself; those that are not here are skipped.
            suffix: such as ".png".

        Returns:
            `name`, `path` (relative to the root).
        """
        found: dict[str, str] = {}
        for folder in folders:
            for name in self._names_in(folder):
                if name.endswith(suffix) and not name.startswith("."):
                    found.setdefault(name, f"{folder}/{name}".lstrip("/"))
        return pl.DataFrame({"name": list(found), "path": list(found.values())}, schema=_SCHEMA)

    def notes(self) -> list[str]:
        """What a user should know of links that lead out of the root, and of names that are not UTF-8."""
        notes = []
        if self.outside:
            notes.append(
                f"{len(self.outside):,} links lead out of the root ({self.outside[0]}, …) and were not followed"
            )
        if nameless := sorted(set(self.nameless)):
            notes.append(
                f"{len(nameless):,} files or folders have names that are not UTF-8 ({nameless[0]}, …) and were left"
                " out: rename them"
            )
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


def _folder_of(column: str) -> pl.Expr:
    return pl.col(column).str.extract(r"^(.*)/[^/]*$", 1).fill_null("")
