"""Batches of stored images on the device, in an order that depends only on the seed and the epoch."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.data.preprocess import Recipe
from hilum.data.transfer import to_device
from hilum.draws import image_keys, shuffled
from hilum.errors import HilumError
from hilum.wording import counted

_AHEAD = 2  # batches that each worker prepares in advance
_FRACTION_OF_DEVICE = 0.5  # of the free device memory, for pixels


class Images(Protocol):
    """Source of images: `hilum.data.store.store.Store` or `hilum.data.store.pooled.PooledStore`."""

    @property
    def recipe(self) -> Recipe:
        """Preprocessing recipe of the images; it holds their side length in pixels."""

    def rows(self, image_ids: list[str], /) -> NDArray[np.int64]:
        """Return the rows of image ids."""

    def gather(self, rows: NDArray[np.int64], /) -> NDArray[np.uint8]:
        """Return the pixels of rows, (N, S, S)."""


@dataclass(frozen=True)
class Batch:
    """Batch of B images on the device.

    Attributes:
        images: (B, 1, S, S) uint8.
        keys: (B,) keys of the random draws of these images: `draws.image_keys` of their ids.
        rows: (B,) positions in the list of ids that the batches were made from.
        targets: (B, F) float32, NaN where a label is ignored; None without labels.
        copies: (B,) int8, number of each image's geometric copy (`hilum.data.resampling.COPIES`), 0 for the image
            itself; None without resampling.
        parts: Number of parts that the larger batch was cut into; 1 for a whole batch.
        cut_from: The larger batch.
    """

    images: Tensor
    keys: NDArray[np.uint64]
    rows: NDArray[np.int64]
    targets: Tensor | None
    copies: NDArray[np.int8] | None = None
    parts: int = 1
    cut_from: "Batch | None" = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def whole(self) -> "Batch":
        """The batch that this is a part of; itself if it is whole."""
        return self if self.cut_from is None else self.cut_from

    def cut(self, parts: int) -> list["Batch"]:
        """Cut the batch into consecutive parts whose sizes differ by one image at most."""
        if parts == 1:
            return [self]
        images, keys, rows = (
            self.images.tensor_split(parts), np.array_split(self.keys, parts), np.array_split(self.rows, parts)
        )  # fmt: skip
        targets = [None] * parts if self.targets is None else self.targets.tensor_split(parts)
        copies = [None] * parts if self.copies is None else np.array_split(self.copies, parts)
        return [Batch(*part, parts, self) for part in zip(images, keys, rows, targets, copies, strict=True)]


class Batches:
    """Iterable of the batches of one epoch; the result does not depend on the number of workers.

    Iteration yields the batches of `epoch` from `position` on and resets `position` to 0 at the end; the caller sets
    `epoch`. `position` counts the batches yielded, so that a `state_dict` taken after a step resumes with the next one.

    Attributes:
        epoch: Epoch whose order is used.
        position: Number of batches of this epoch yielded so far.
        seconds_waited: Total time that the consumer waited for batches, s.
        image_ids: Ids of the N images.
        batch_size: Largest number of images of a batch; the last batch is smaller unless `drop_last` or `even`.
        part: (index, number) of this process among several: it yields this consecutive part of every batch, so that
            the parts in order are the batch that one process would yield.
    """

    def __init__(
        self,
        store: Images,
        image_ids: list[str],
        batch_size: int,
        *,
        seed: int,
        shuffle: bool,
        drop_last: bool,
        targets: NDArray[np.float32] | None = None,
        workers: int = 1,
        device: str | torch.device = "cpu",
        even: bool = False,
        copies: NDArray[np.int8] | None = None,
    ) -> None:
        """Set up the order and the targets.

        Args:
            store: Image store.
            image_ids: Ids of N images of the store, each once, or once for each copy.
            batch_size: Number of images of a batch, at least 1.
            seed: Random seed of the order.
            shuffle: New order every epoch; otherwise the order of `image_ids`.
            drop_last: Exclude an incomplete last batch.
            targets: (N, F), of the images in this order.
            workers: Number of threads that gather batches in advance; 0: gather on request.
            device: Device of images and targets. On CUDA all pixels are kept on the device if they fit in half of its
                free memory.
            even: Batches whose sizes differ by one at most, instead of full batches and a remainder.
            copies: (N,), copy number of each image; None: no copies. A copy has random draws of its own.

        Raises:
            HilumError: Images that the store lacks, repeated images, a wrong number of targets, or no full batch.
        """
        visits = image_ids if copies is None else list(zip(image_ids, copies.tolist(), strict=True))
        if len(set(visits)) != len(image_ids):
            raise HilumError("image_ids", expected="every image once", found="repetitions", fix="Remove them.")
        if targets is not None and len(targets) != len(image_ids):
            raise HilumError(
                "targets",
                expected=counted(len(image_ids), "row"),
                found=f"{len(targets):,}",
                fix="Give a row for each image.",
            )
        if batch_size < 1 or len(image_ids) < (batch_size if drop_last and not even else 1):
            found = f"{counted(len(image_ids))} for batches of {batch_size:,}"
            raise HilumError("batch_size", expected="at least one batch", found=found, fix="Use a smaller batch.")
        self.image_ids = image_ids
        self.batch_size = batch_size
        self.epoch = 0
        self.position = 0
        self.seconds_waited = 0.0
        self.part = 0, 1
        self._store = store
        self._store_rows = store.rows(image_ids)
        self._keys = image_keys(image_ids if copies is None else map(_name_of_visit, image_ids, copies.tolist()))
        self._copies = copies
        self._targets = None if targets is None else torch.from_numpy(np.ascontiguousarray(targets, dtype=np.float32))
        self._seed = seed
        self._shuffle = shuffle
        self._drop_last = drop_last and not even
        self._even = even
        self._workers = workers
        self._device = torch.device(device)
        self._resident: Tensor | None = None

    def __len__(self) -> int:
        """Batches an epoch."""
        images = len(self.image_ids)
        return images // self.batch_size if self._drop_last else -(-images // self.batch_size)

    def images_in(self, step: int) -> int:
        """Return the number of images of a batch, over all processes; `step` counts from 0."""
        return self._first(step + 1) - self._first(step)

    def _first(self, step: int) -> int:
        """Return the position of the first image of a batch in the order of the epoch (its end, for the last step)."""
        images = len(self.image_ids)
        if not self._even:
            return min(step * self.batch_size, images)
        size, larger = divmod(images, len(self))
        return step * size + min(step, larger)

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        steps = range(self.position, len(self))
        which, of = self.part
        joined = (order[self._first(step) : self._first(step + 1)] for step in steps)
        gathered = (np.array_split(rows, of)[which] for rows in joined)
        self._load_on_device()
        ahead = 0 if self._resident is not None else self._workers
        prepared = _ahead(self._gather, gathered, ahead)
        overlapped = _Overlapped(prepared, self._device) if self._device.type == "cuda" else prepared
        try:
            while True:
                asked = time.perf_counter()
                batch = next(overlapped, None)
                self.seconds_waited += time.perf_counter() - asked
                if batch is None:
                    break
                self.position += 1
                yield batch
        finally:
            prepared.close()
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and the position."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resume with the batch after the one where `state_dict` was taken."""
        self.epoch, self.position = state["epoch"], state["position"]

    def _order(self) -> NDArray[np.int64]:
        if self._shuffle:
            return shuffled(self._seed, self._keys, epoch=self.epoch)
        return np.arange(len(self.image_ids), dtype=np.int64)

    def _gather(self, rows: NDArray[np.int64]) -> Batch:
        targets = None if self._targets is None else self._targets[torch.from_numpy(rows)]
        if self._resident is not None:
            images = self._resident[to_device(rows, self._device)]
        else:
            images = torch.from_numpy(self._store.gather(self._store_rows[rows])).unsqueeze(1)
            if self._device.type == "cuda":
                images = images.pin_memory()
        return Batch(images, self._keys[rows], rows, targets, None if self._copies is None else self._copies[rows])

    def _load_on_device(self) -> None:
        """Copy the pixels of these images to the CUDA device, once, if they fit."""
        if self._device.type != "cuda" or self._resident is not None:
            return
        size = self._store.recipe.size
        free, _ = torch.cuda.mem_get_info(self._device)
        if len(self.image_ids) * size * size > _FRACTION_OF_DEVICE * free:
            return
        resident = torch.empty((len(self.image_ids), 1, size, size), dtype=torch.uint8, device=self._device)
        for first in range(0, len(self.image_ids), 4096):
            part = self._store.gather(self._store_rows[first : first + 4096])
            resident[first : first + 4096, 0] = torch.from_numpy(part)
        self._resident = resident


def _name_of_visit(image_id: str, copy: int) -> str:
    """Return the key of the random draws: the image's id, or a text of its own for each copy."""
    return f"{image_id}\0{copy}" if copy else image_id


class _Overlapped:
    """Iterator of batches on a CUDA device; the next batch is copied on a second stream during computation.

    Args:
        batches: Batches in page-locked host memory, or on the device.
        device: CUDA device.
    """

    def __init__(self, batches: Iterator[Batch], device: torch.device) -> None:
        self._batches, self._device = batches, device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._next: Batch | None = None
        self._begun = False

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self._begun:
            self._begun, self._next = True, self._copied()
        if self._next is None:
            raise StopIteration
        batch, now = self._next, torch.cuda.current_stream(self._device)
        now.wait_stream(self._stream)
        for tensor in (batch.images, batch.targets):
            if tensor is not None:
                tensor.record_stream(now)  # allocated on the other stream
        self._next = self._copied()
        return batch

    def _copied(self) -> Batch | None:
        batch = next(self._batches, None)
        if batch is None:
            return None
        with torch.cuda.stream(self._stream):
            images = batch.images.to(self._device, non_blocking=True)
            targets = None if batch.targets is None else to_device(batch.targets, self._device)
        return replace(batch, images=images, targets=targets)


def _ahead(
    gather: Callable[[NDArray[np.int64]], Batch], asked: Iterator[NDArray[np.int64]], workers: int
) -> Generator[Batch, None, None]:
    """Gather batches in order, some of them in advance in threads; exceptions of threads are raised here.

    If the consumer stops early, pending work is cancelled and the threads end.
    """
    if workers == 0:
        yield from map(gather, asked)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="hilum-batches") as pool:
        waiting: deque[Future[Batch]] = deque()
        try:
            for rows in asked:
                waiting.append(pool.submit(gather, rows))
                if len(waiting) > _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
