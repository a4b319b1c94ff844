"""Parsing of DICOM bytes into the allowed elements, for any input."""

import zlib
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset, read_preamble
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from hilum.data.dicom.file_start import has_preamble
from hilum.data.dicom.tags import PREFACE_TAGS
from hilum.data.images import without_decoder_warnings
from hilum.data.images.gray import UnreadableImage

MAX_INFLATED = 512_000_000
"""Largest size of an inflated file, bytes; 100 million pixels of 16 bits have 200 million."""
_CHUNK = 1 << 20
_NOT_NEEDED = ("PixelSpacing", "ImagerPixelSpacing", "SmallestImagePixelValue", "LargestImagePixelValue")
_DECIMALS = ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept")
_AS_NUMBERS = ("FL", "FD", "US", "SS", "UL", "SL", "UV", "SV")  # wrong for these elements, but unambiguous


def parse(source: Path | bytes, keywords: Sequence[str | int], path: Path, *, pixels: bool) -> pydicom.FileDataset:
    """Read some elements of a DICOM file, with or without preamble.

    Elements of zero length are removed, also in items of sequences. Windows and rescale are returned as text, because
    they are not always valid numbers (`hilum.data.dicom.elements.decimals`).

    Args:
        source: Path of the file, or its bytes.
        keywords: Keywords or tags of the elements to read; all others are skipped.
        path: Path for the message.
        pixels: Read the pixels and the elements after them.

    Raises:
        UnreadableImage: Not a DICOM file, a broken one, or a deflated one larger than `MAX_INFLATED` after inflation.
    """
    try:
        with without_decoder_warnings(), source.open("rb") if isinstance(source, Path) else BytesIO(source) as stream:
            whole = has_preamble(stream.read(132))
            stream.seek(0)
            _check_inflated_size(stream, path, without_preamble=not whole)
            dataset = pydicom.dcmread(
                stream, stop_before_pixels=not pixels, specific_tags=[Tag(each) for each in keywords], force=not whole
            )
            _keep_only(dataset.file_meta, PREFACE_TAGS)
            _name_encoding(dataset)
            _convert(dataset)
    except UnreadableImage:
        raise
    # A parser of untrusted bytes may raise anything; its messages may quote protected values.
    except Exception as error:
        raise UnreadableImage(path, reason="a broken DICOM file") from error
    return dataset


def _keep_only(dataset: pydicom.Dataset, keywords: Iterable[str]) -> None:
    wanted = {pydicom.datadict.tag_for_keyword(keyword) for keyword in keywords}
    for tag in set(dataset.keys()) - wanted:
        del dataset[tag]


def _name_encoding(dataset: pydicom.Dataset) -> None:
    """Record the detected encoding of a file without file meta information."""
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRBigEndian if little is False else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit


def _convert(dataset: pydicom.Dataset) -> None:
    """Convert raw bytes into values, so that all errors of conversion are raised here."""
    for tag in [*dataset.file_meta.keys(), *dataset.keys()]:
        group = dataset.file_meta if tag.group == 2 else dataset
        keyword = pydicom.datadict.keyword_for_tag(tag)
        try:
            if keyword in _DECIMALS:
                group[tag] = _as_text(group, tag)
            if _is_empty(group[tag].value):
                del group[tag]
            elif group[tag].VR == "SQ":
                for item in group[tag].value:
                    _convert_item(item)
        except Exception:
            if keyword not in _NOT_NEEDED:
                raise
            del group[tag]


def _convert_item(item: pydicom.Dataset) -> None:
    """Convert an item of a sequence; elements that cannot be converted count as absent."""
    for tag in list(item.keys()):
        try:
            empty = _is_empty(item[tag].value)
        except Exception:  # noqa: BLE001
            empty = True
        if empty:
            del item[tag]


def _is_empty(value: object) -> bool:
    """Return true for a value of zero length or of padding only (PS3.5 6.2)."""
    if isinstance(value, str):
        return not value.strip(" \0")
    return value is None or (hasattr(value, "__len__") and len(value) == 0)


def _as_text(dataset: pydicom.Dataset, tag: BaseTag) -> DataElement:
    """Return a decimal string as it is written, valid or not."""
    raw: Any = dataset.get_item(tag)
    if isinstance(raw, RawDataElement) and raw.VR not in _AS_NUMBERS:
        text = (raw.value or b"").decode("latin-1")
    else:
        value = dataset[tag].value
        numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        text = "\\".join("" if number is None else str(number) for number in numbers)
    return DataElement(tag, "LT", text, validation_mode=IGNORE)


def transfer_syntax(dataset: pydicom.Dataset) -> UID:
    """Return the transfer syntax; implicit little endian, DICOM's default, if the file does not state it."""
    return UID(dataset.file_meta.get("TransferSyntaxUID") or ImplicitVRLittleEndian, validation_mode=IGNORE)


def _check_inflated_size(stream: BinaryIO, path: Path, *, without_preamble: bool) -> None:
    """Refuse a deflated file that would exhaust the memory; the stream is at its start afterwards."""
    read_preamble(stream, without_preamble)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        inflater, inflated, waiting = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
        while not inflater.eof and (waiting := waiting or stream.read(_CHUNK)):
            inflated += len(inflater.decompress(waiting, _CHUNK))
            waiting = inflater.unconsumed_tail
            if inflated > MAX_INFLATED:
                raise UnreadableImage(path, reason=f"a deflated DICOM file of more than {MAX_INFLATED:,} bytes")
    stream.seek(0)
