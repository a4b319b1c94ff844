"""Store of several data sets, without copies of pixels."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hilum.data.preprocess import Recipe
from hilum.data.store.store import Store
from hilum.errors import HilumError


def pooled_ids(data: str, image_ids: Sequence[str]) -> list[str]:
    """Return names of a data set's images in a pool, NAME/ID, because image ids of two data sets may be equal."""
    return [f"{data}/{image_id}" for image_id in image_ids]


class PooledStore:
    """Stores of several data sets as one; images have the names of `pooled_ids`.

    Random draws of an image depend on its name only, not on the order of the data sets or other data sets in the pool.

    Attributes:
        stores: Stores by name of the data set.
        recipe: Preprocessing of all images.
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        """Combine stores.

        Args:
            stores: At least one; names without "/".

        Raises:
            HilumError: Stores with different recipes.
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
        """First row of each store, and the number of all rows."""
        return np.cumsum([0, *(len(store.image_ids) for store in self.stores.values())], dtype=np.int64)

    def rows(self, image_ids: list[str]) -> NDArray[np.int64]:
        """Return rows as `Store.rows`, numbered over all stores.

        Raises:
            HilumError: Images of a data set that is not in the pool, or that its store lacks.
        """
        names = list(self.stores)
        split = [image_id.partition("/") for image_id in image_ids]
        strange = [image_id for image_id, (name, _, _) in zip(image_ids, split, strict=True) if name not in self.stores]
        if strange:
            raise HilumError(
                "the pool",
                expected=f"images named NAME/ID, with NAME one of {', '.join(names)}",
                found=", ".join(strange[:3]),
                fix="Use the names of hilum.data.store.pooled.pooled_ids.",
            )
        rows = np.empty(len(split), dtype=np.int64)
        for first, (name, store) in zip(self._firsts, self.stores.items(), strict=False):
            here = [place for place, (of, _, _) in enumerate(split) if of == name]
            rows[here] = first + store.rows([split[place][2] for place in here])
        return rows

    def gather(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return pixels as `Store.gather`."""
        pixels = np.empty((len(rows), self.recipe.size, self.recipe.size), dtype=np.uint8)
        which = np.searchsorted(self._firsts, rows, side="right") - 1
        for place, store in enumerate(self.stores.values()):
            here = np.flatnonzero(which == place)
            if len(here):
                pixels[here] = store.gather(rows[here] - self._firsts[place])
        return pixels
