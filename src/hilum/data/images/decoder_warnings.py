"""Suppression of warnings of image decoders: they quote untrusted headers, which must not reach terminals or logs."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_aside = threading.Lock()
_readers: list["warnings.catch_warnings[None]"] = []


@contextmanager
def without_decoder_warnings() -> Iterator[None]:
    """Suppress warnings of pydicom and Pillow on invalid headers, which they quote; thread-safe.
    Filters of warnings and loggers are global to the process: the first thread to enter disables them, and the last one
    to leave restores them.
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
