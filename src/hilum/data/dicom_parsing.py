"""DICOM bytes to the few elements that are allowed out of them, whatever the bytes are."""

import logging
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.config import IGNORE
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from hilum.data.dicom_tags import PREFACE_TAGS
from hilum.data.pixels import UnreadableImage

MAX_INFLATED = 512_000_000
"""Bytes that a deflated file may hold; 100 million pixels of 16 bits have 200 million."""
_CHUNK = 1 << 20
_NOT_NEEDED = ("PixelSpacing", "ImagerPixelSpacing")


def parse(source: Path | bytes, keywords: Sequence[str], path: Path, *, pixels: bool) -> pydicom.Dataset:
    """Read some elements of a DICOM file.

    Args:
        source: the file, or its bytes.
        keywords: of the elements to read; all others are skipped.
        path: for the message.
        pixels: whether to read on to the pixels and beyond.

    Raises:
        UnreadableImage: no DICOM file, a broken one, or a deflated one that would inflate to more than `MAX_INFLATED`.
    """
    try:
        with remarks_of_pydicom_aside(), source.open("rb") if isinstance(source, Path) else BytesIO(source) as stream:
            _check_inflated_size(stream, path)
            dataset = pydicom.dcmread(stream, stop_before_pixels=not pixels, specific_tags=list(keywords))
            _keep_only(dataset.file_meta, PREFACE_TAGS)
            _convert(dataset)
    except UnreadableImage:
        raise
    # A parser of foreign bytes may raise anything; and its messages may quote what must not leave the file.
    except Exception as error:
        raise UnreadableImage(path, reason="a broken DICOM file") from error
    return dataset


def _keep_only(dataset: pydicom.Dataset, keywords: Iterable[str]) -> None:
    wanted = {pydicom.datadict.tag_for_keyword(keyword) for keyword in keywords}
    for tag in set(dataset.keys()) - wanted:
        del dataset[tag]


def _convert(dataset: pydicom.Dataset) -> None:
    """Turn raw bytes into values here and nowhere else, so that whatever is wrong with them is met here."""
    for tag in [*dataset.file_meta.keys(), *dataset.keys()]:
        try:
            (dataset.file_meta if tag.group == 2 else dataset)[tag]
        except Exception:
            if pydicom.datadict.keyword_for_tag(tag) not in _NOT_NEEDED:
                raise
            del dataset[tag]


def transfer_syntax(dataset: pydicom.Dataset) -> UID:
    """How the pixels are encoded; implicit little endian, DICOM's default, where the file does not say."""
    return UID(dataset.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian, validation_mode=IGNORE)


def _check_inflated_size(stream: BinaryIO, path: Path) -> None:
    """Refuse a deflated file that would fill the memory; leaves the stream at its start."""
    read_preamble(stream, False)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflater, inflated, waiting = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
        while not inflater.eof and (waiting := waiting or stream.read(_CHUNK)):
            inflated += len(inflater.decompress(waiting, _CHUNK))
            waiting = inflater.unconsumed_tail
            if inflated > MAX_INFLATED:
                raise UnreadableImage(path, reason=f"a deflated DICOM file of more than {MAX_INFLATED:,} bytes")
    stream.seek(0)


_aside = threading.Lock()
_readers: list["warnings.catch_warnings[None]"] = []


@contextmanager
def remarks_of_pydicom_aside() -> Iterator[None]:
    """Keep pydicom's remarks on untidy headers, which quote them, from any terminal and log, in any number of threads.

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
