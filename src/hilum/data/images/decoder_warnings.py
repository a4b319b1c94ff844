"""Warnings of the libraries that decode images: they quote foreign headers, and belong on no terminal and in no log."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_aside = threading.Lock()
_readers: list["warnings.catch_warnings[None]"] = []


@contextmanager
def without_decoder_warnings() -> Iterator[None]:
    """Keep what pydicom and Pillow say of untidy headers, which they quote, from any terminal and log.

    It works in any number of threads.

    Filters of warnings and loggers belong to the process, not to the thread: the first reader in sets them aside for
    all, and the last one out puts them back.
    """
    log = logging.getLogger("pydicom")
    with _aside:
        if not _readers:
            catcher = warnings.catch_warnings()
            catcher.__enter__()
            warnings.simplefilter("ignore")
            log.propagate = False
            _readers.append(catcher)
        else:
            _readers.append(_readers[0])
    try:
        yield
    finally:
        with _aside:
            first = _readers.pop()
            if not _readers:
                log.propagate = True
                first.__exit__(None, None, None)
