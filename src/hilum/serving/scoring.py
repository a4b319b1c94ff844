"""Batching of concurrent requests: one scoring thread, fed by a queue."""

import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.map_files import maps_on_images


@dataclass(frozen=True)
class ImageScores:
    """Scores of an image.

    Attributes:
        probabilities: Probabilities (F,), 0 to 1.
        maps: Heat maps of all findings, (F, S, S), 0 to 1; None if not requested, or not defined for the encoder.
    """

    probabilities: NDArray[np.float32]
    maps: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class _Waiting:
    pixels: NDArray[np.uint8]
    with_maps: bool
    answer: Future[ImageScores] = field(default_factory=Future)


class BatchingScorer:
    """Scorer of images from any thread, batch by batch, in the order of submission.

    A batch contains all images waiting when the previous one is done, up to the model's batch size.

    Args:
        model: Loaded model.
        method: Heat map method.
    """

    def __init__(self, model: PackagedClassifier, method: str = "gradcam") -> None:
        self._model = model
        self._method = method
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="hilum-scoring", daemon=True)
        self.batches = 0
        """Number of batches computed so far."""

    def start(self) -> None:
        """Start the scoring thread."""
        self._thread.start()

    def close(self) -> None:
        """Score the waiting images, and stop the thread."""
        self._queue.put(None)
        self._thread.join()

    def submit(self, pixels: NDArray[np.uint8], *, with_maps: bool = False) -> Future[ImageScores]:
        """Queue an image.

        Args:
            pixels: Preprocessed image (S, S).
            with_maps: Also compute heat maps.
        """
        waiting = _Waiting(pixels, with_maps)
        self._queue.put(waiting)
        return waiting.answer

    def _work(self) -> None:
        more = True
        while more:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            while len(batch) < self._model.batch_size:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    more = False
                    break
                batch.append(following)
            self._compute([waiting for waiting in batch if waiting.answer.set_running_or_notify_cancel()])

    def _compute(self, batch: Sequence[_Waiting]) -> None:
        if not batch:
            return
        try:
            probabilities = self._model.probabilities(np.stack([waiting.pixels for waiting in batch]))
            maps = self._maps([waiting for waiting in batch if waiting.with_maps])
        # errors are passed to the waiting requests; the thread continues with the next batch
        except Exception as error:  # noqa: BLE001
            for waiting in batch:
                waiting.answer.set_exception(error)
            return
        self.batches += 1
        for waiting, row in zip(batch, probabilities, strict=True):
            waiting.answer.set_result(ImageScores(row, next(maps) if waiting.with_maps else None))

    def _maps(self, wanting: Sequence[_Waiting]) -> Iterator[NDArray[np.float32] | None]:
        if not wanting:
            return iter(())
        pixels = np.stack([waiting.pixels for waiting in wanting])
        try:
            return iter(maps_on_images(self._model, pixels, self._model.findings, self._method))
        except HilumError:
            return iter([None] * len(wanting))
