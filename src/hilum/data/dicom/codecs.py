"""Compressed DICOM pixels, decoded where a broken file can do no harm.

    uncompressed, deflated, big endian              pydicom, here
    JPEG baseline (8 bits)                          Pillow, here
    JPEG extended, JPEG lossless (process 14 and
    its first-order prediction), JPEG-LS,
    JPEG 2000, RLE                                  GDCM, Pillow or pydicom, in a process of their own

GDCM holds Python's lock while it decodes and is not fuzzed as Pillow is. In a process of its own it keeps no other
thread waiting, and when hostile pixels crash it, fill its memory or send it round in circles, one image is set aside
and a new process takes the next. Processes are kept for the next image, one for each thread that decodes at the same
time, and end with the one that started them.
"""

import atexit
import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
from io import BytesIO
from queue import Empty, LifoQueue
from typing import Any, BinaryIO, cast

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.encaps import generate_fragments, get_frame, parse_basic_offsets
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from hilum.data.dicom.elements import whole
from hilum.data.dicom.parsing import transfer_syntax
from hilum.data.images import without_decoder_warnings

APART = (
    *(JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1),
    *(JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000, RLELossless),
)
SECONDS = 120.0
"""For one image; GDCM takes less than one for 30 million pixels."""

_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")  # of a JPEG or JPEG-LS, and of a JPEG 2000 stream
_ATTRIBUTES = {
    "rows": "Rows",
    "columns": "Columns",
    "samples_per_pixel": "SamplesPerPixel",
    "photometric_interpretation": "PhotometricInterpretation",
    "planar_configuration": "PlanarConfiguration",
    "bits_allocated": "BitsAllocated",
    "bits_stored": "BitsStored",
    "pixel_representation": "PixelRepresentation",
}


class DecodingError(Exception):
    """Pixels that cannot be decoded; the message says why."""


def decode(dataset: pydicom.Dataset) -> NDArray[Any]:
    """The pixels of a one-frame file as they are stored; colours as RGB.

    Args:
        dataset: with every element of `hilum.data.dicom.elements.REQUIRED`, and pixels.

    Returns:
        (H, W) or (H, W, 3) in the machine's byte order.

    Raises:
        DecodingError: no decoder, broken pixels, pixels of several frames, or pixels that crashed their decoder.
    """
    pixels = _decode(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if pixels.shape not in ((rows, columns), (rows, columns, 3)):
        decoded = " x ".join(f"{side:,}" for side in pixels.shape)
        raise DecodingError(f"pixels of {decoded}, where the header says {rows:,} x {columns:,}")
    return pixels


def surplus_of(dataset: pydicom.Dataset) -> tuple[int, int]:
    """What pixel data hold beyond the one frame that they should: whole frames, and further bytes.

    Fragments of one frame, and the byte that makes a length even, are no surplus.

    Args:
        dataset: with every element of `hilum.data.dicom.elements.REQUIRED`, and pixels.
    """
    syntax, data = transfer_syntax(dataset), dataset.PixelData
    if not syntax.is_encapsulated:
        samples = whole(dataset, "SamplesPerPixel")
        bits = int(dataset.Rows) * int(dataset.Columns) * samples * whole(dataset, "BitsAllocated")
        if str(dataset.PhotometricInterpretation).upper() == "YBR_FULL_422":  # two colours for every two pixels
            bits = bits * 2 // 3
        frames, further = divmod(len(data), max(bits // 8, 1))
        return max(frames - 1, 0), further if frames and further > 1 else 0
    stream = BytesIO(data)
    try:
        parse_basic_offsets(stream)
        fragments = [fragment for fragment in generate_fragments(stream) if fragment.strip(b"\0")]
    except (ValueError, struct.error):  # decoding says what is wrong
        return 0, 0
    if syntax == RLELossless:  # each fragment is a frame (PS3.5 A.4.2)
        return max(len(fragments) - 1, 0), 0
    return max(sum(fragment.startswith(_STARTS) for fragment in fragments) - 1, 0), 0


def _decode(dataset: pydicom.Dataset) -> NDArray[Any]:
    syntax = transfer_syntax(dataset)
    try:
        if syntax in APART:
            options = {name: dataset[keyword].value for name, keyword in _ATTRIBUTES.items() if keyword in dataset}
            options |= {"syntax": str(syntax), "number_of_frames": 1, "pixel_keyword": "PixelData"}
            return _decode_apart(options, get_frame(dataset.PixelData, 0, number_of_frames=1))
        if syntax.is_encapsulated and syntax != JPEGBaseline8Bit:
            raise DecodingError("no decoder for this transfer syntax")
        plugin = "pillow" if syntax == JPEGBaseline8Bit else ""
        with without_decoder_warnings():
            options = {"correct_unused_bits": cast(Any, False), "allow_excess_frames": cast(Any, False)}
            options["number_of_frames"] = cast(Any, 1)
            pixels, _ = get_decoder(syntax).as_array(dataset, decoding_plugin=plugin, **options)
        return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    except DecodingError:
        raise
    # Decoders of foreign bytes may raise anything; what they say is of the pixels, and of no use to whoever reads it.
    except Exception as error:
        raise DecodingError("broken pixels") from error


def stop_decoders() -> None:
    """End the processes that wait for an image; the next image starts a new one."""
    while True:
        try:
            _idle().get_nowait().stop()
        except Empty:
            return


def _decode_apart(options: dict[str, Any], frame: bytes) -> NDArray[Any]:
    try:
        decoder = _idle().get_nowait()
    except Empty:
        decoder = _Decoder()
    try:
        pixels = decoder.decode(options, frame)
    except BaseException:
        decoder.stop()
        raise
    _idle().put(decoder)
    if isinstance(pixels, str):
        raise DecodingError(pixels)
    return pixels


class _Decoder:
    """One process of `hilum.data.dicom.decoder`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hilum.data.dicom.decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._owner = os.getpid()
        atexit.register(self.stop)
        self._to, self._from = cast(BinaryIO, self._process.stdin), cast(BinaryIO, self._process.stdout)

    def decode(self, options: dict[str, Any], frame: bytes) -> NDArray[Any] | str:
        """The pixels, or why there are none.

        Raises:
            DecodingError: the process is gone.
        """
        late = threading.Event()

        def stop_waiting() -> None:
            late.set()
            self._process.kill()

        clock = threading.Timer(SECONDS, stop_waiting)
        clock.daemon = True
        clock.start()
        try:
            write_message(self._to, options, frame)
            answer, content = read_message(self._from)
        except (OSError, EOFError) as error:
            problem = f"took more than {SECONDS:.0f} s" if late.is_set() else "crashed its decoder"
            raise DecodingError(f"pixels that {problem}") from error
        finally:
            clock.cancel()
        if "error" in answer:
            return str(answer["error"])
        return np.frombuffer(content, dtype=answer["dtype"]).reshape(answer["shape"])

    def stop(self) -> None:
        """End the process; a fork of the one that started it leaves it alone."""
        atexit.unregister(self.stop)
        if self._owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._to, self._from):
            with contextlib.suppress(OSError):  # what a crashed process never read cannot be flushed
                stream.close()


def write_message(stream: BinaryIO, header: dict[str, Any], content: bytes) -> None:
    """A line of JSON that ends with the length of the bytes that follow it."""
    stream.write(json.dumps([header, len(content)]).encode() + b"\n")
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """What `write_message` wrote.

    Raises:
        EOFError: nothing more, or not all of it.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    header, length = json.loads(line)
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return header, content


_waiting: dict[int, LifoQueue[_Decoder]] = {}


def _idle() -> LifoQueue[_Decoder]:
    """Processes that wait for an image; a process that was forked does not share its parent's."""
    return _waiting.setdefault(os.getpid(), LifoQueue())
