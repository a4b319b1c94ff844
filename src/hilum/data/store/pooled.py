"""Images of several data sets as if they were of one, without copying a pixel."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.data.preprocess import Recipe
from hilum.data.store.store import Store
from hilum.errors import HilumError


def pooled_ids(data: str, image_ids: Sequence[str]) -> list[str]:
    """Names of a data set's images in a pool, NAME/ID: image ids of two data sets may be the same."""
    return [f"{data}/{image_id}" for image_id in image_ids]


class PooledStore:
    """Stores of several data sets under one roof; images are called as `pooled_ids` says.

    An image's random draws follow from what it is called: neither the order of the data sets nor what else is in the
    pool changes them.

    Attributes:
        stores: by name of the data set.
        recipe: how the images of all of them were preprocessed.
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        """See the class.

        Args:
            stores: at least one; names without "/".

        Raises:
            HilumError: images that were not preprocessed alike.
        """
        self.stores = dict(stores)
        first, *others = self.stores
        self.recipe: Recipe = self.stores[first].recipe
        for name in others:
            if self.stores[name].recipe != self.recipe:
                raise HilumError(
                    f"the images of {name}",
                    expected=f"preprocessed as those of {first}: {self.recipe.as_data()}",
                    found=str(self.stores[name].recipe.as_data()),
                    fix="Build the stores with one recipe.",
                )

    @cached_property
    def _firsts(self) -> NDArray[np.int64]:
        """The row at which each store begins, and the number of all rows."""
        return np.cumsum([0, *(len(store.image_ids) for store in self.stores.values())], dtype=np.int64)

    def rows(self, image_ids: list[str]) -> NDArray[np.int64]:
        """As `Store.rows`: those of all stores are numbered through.

        Raises:
            HilumError: images of a data set that is not in the pool, or that its store lacks.
        """
        names = list(self.stores)
        split = [image_id.partition("/") for image_id in image_ids]
        strange = [image_id for image_id, (name, _, _) in zip(image_ids, split, strict=True) if name not in self.stores]
        if strange:
            raise HilumError(
                "the pool",
                expected=f"images called NAME/ID, with NAME one of {', '.join(names)}",
                found=", ".join(strange[:3]),
                fix="Name images as hilum.data.store.pooled.pooled_ids does.",
            )
        rows = np.empty(len(split), dtype=np.int64)
        for first, (name, store) in zip(self._firsts, self.stores.items(), strict=False):
            here = [place for place, (of, _, _) in enumerate(split) if of == name]
            rows[here] = first + store.rows([split[place][2] for place in here])
        return rows

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """As `Store.gather`."""
        pixels = np.empty((len(rows), self.recipe.size, self.recipe.size), dtype=np.uint8)
        which = np.searchsorted(self._firsts, rows, side="right") - 1
        for place, store in enumerate(self.stores.values()):
            here = np.flatnonzero(which == place)
            if len(here):
                pixels[here] = store.gather(rows[here] - self._firsts[place])
        return pixels
