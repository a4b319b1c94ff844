"""Tables of external features: one vector an image id."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.wording import counted

IDS = "image_id"
_MOST_NAMED = 5


@dataclass(frozen=True)
class FeatureTable:
    """Feature vectors of images.

    Attributes:
        image_ids: N image ids, each once.
        values: (N, D) float32, finite.
        path: Path of the table.
    """

    image_ids: list[str]
    values: NDArray[np.float32]
    path: Path

    def of(self, image_ids: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of some images, (M, D), in their order.

        Raises:
            HilumError: Images missing in the table.
        """
        place = {image_id: row for row, image_id in enumerate(self.image_ids)}
        lacking = [image_id for image_id in image_ids if image_id not in place]
        if lacking:
            raise HilumError(
                self.path,
                expected=f"features of {counted(len(image_ids))}",
                found=f"none of {len(lacking):,}: {', '.join(lacking[:_MOST_NAMED])}"
                + ("…" if len(lacking) > _MOST_NAMED else ""),
                fix="Use the image ids of the data set (`hilum preview`), and compute the features of all images.",
            )
        return self.values[[place[image_id] for image_id in image_ids]]


def read_features(path: Path, ids: Path | None = None) -> FeatureTable:
    """Read a table of features.

    Args:
        path: Parquet with a column `image_id` and either one column of lists or arrays of equal lengths, or numeric
            columns; or a numeric .npy, (N, D).
        ids: Image ids of a .npy: a text file with one id a line, or a .npy of text; default: NAME.ids.txt beside it.

    Raises:
        HilumError: No such file, values that are not finite numbers, repeated images, or different lengths.
    """
    path = Path(path)
    if not path.is_file():
        raise HilumError(path, expected="a table of features", found="no such file", fix="Check the path.")
    if path.suffix == ".npy":
        image_ids, values = _names(ids or path.with_suffix(".ids.txt")), _array(path)
    elif path.suffix == ".parquet":
        image_ids, values = _table(path)
    else:
        raise HilumError(path, expected=".parquet or .npy", found=path.suffix or "no suffix", fix="Convert it.")
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.shape[1]:
        found = f"shape {values.shape} of {values.dtype}"
        raise HilumError(path, expected="numbers, (images, features)", found=found, fix="Write a row for each image.")
    if len(image_ids) != len(values):
        found = f"{counted(len(image_ids), 'id')} and {counted(len(values), 'row')}"
        raise HilumError(path, expected="an image id for each row", found=found, fix="Write both in the same order.")
    if len(set(image_ids)) < len(image_ids):
        seen: set[str] = set()
        twice = next(each for each in image_ids if each in seen or seen.add(each))  # type: ignore[func-returns-value]
        raise HilumError(path, expected="every image once", found=f"{twice} twice", fix="Keep one row of each.")
    broken = np.flatnonzero(~np.isfinite(values).all(1))
    if broken.size:
        found = f"{counted(broken.size, 'row')} with others, first {image_ids[broken[0]]}"
        raise HilumError(path, expected="finite numbers", found=found, fix="Compute these again, or leave them out.")
    return FeatureTable(image_ids, values.astype(np.float32), path)


def _array(path: Path) -> NDArray[np.generic]:
    try:
        values: NDArray[np.generic] = np.load(path, allow_pickle=False)
    except ValueError as error:
        raise HilumError(
            path, expected="an array of numbers", found=str(error), fix="Write it by numpy.save."
        ) from None
    return values


def _names(path: Path) -> list[str]:
    if not path.is_file():
        fix = "Write an image id in each line, in the order of the rows."
        raise HilumError(path, expected="the image ids of the rows", found="no such file", fix=fix)
    if path.suffix == ".npy":
        return [str(each) for each in _array(path)]
    lines = [line.removesuffix("\r") for line in path.read_bytes().decode().split("\n")]
    return lines if lines[-1] else lines[:-1]


def _table(path: Path) -> tuple[list[str], NDArray[np.generic]]:
    table = pl.read_parquet(path)
    if IDS not in table.columns:
        found = ", ".join(table.columns[:_MOST_NAMED])
        raise HilumError(path, expected=f"a column {IDS}", found=found, fix=f"Name the column of image ids {IDS}.")
    if table[IDS].dtype != pl.String or table[IDS].null_count():
        found = f"{table[IDS].dtype}, {table[IDS].null_count():,} blank"
        raise HilumError(path, expected=f"text in {IDS}, no blanks", found=found, fix="Write ids as text.")
    others = table.drop(IDS)
    ids = table[IDS].to_list()
    nested = [name for name, kind in others.schema.items() if isinstance(kind, pl.List | pl.Array)]
    if nested:
        if len(others.columns) > 1:
            found = ", ".join(others.columns[:_MOST_NAMED])
            raise HilumError(path, expected="one column of vectors", found=found, fix="Keep one of them.")
        vectors = others[nested[0]]
        lengths = vectors.list.len() if isinstance(vectors.dtype, pl.List) else None
        if vectors.null_count() or (lengths is not None and lengths.n_unique() > 1):
            found = "blanks, or vectors of several lengths"
            raise HilumError(path, expected="vectors of one length", found=found, fix="Compute them again.")
        return ids, np.stack(vectors.to_list()) if len(vectors) else np.empty((0, 0))
    words = [name for name, kind in others.schema.items() if not kind.is_numeric()]
    if words:
        found = f"{words[0]} of {others.schema[words[0]]}"
        raise HilumError(path, expected=f"numbers beside {IDS}", found=found, fix="Drop the other columns.")
    return ids, others.cast(pl.Float64).fill_null(float("nan")).to_numpy()
