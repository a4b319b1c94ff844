"""Decoding of compressed DICOM pixels, isolated from broken files.

    uncompressed, deflated, big endian              pydicom, here
    JPEG baseline (8 bits)                          Pillow, here
    JPEG extended, JPEG lossless (process 14 and
    its first-order prediction), JPEG-LS,
    JPEG 2000, RLE                                  GDCM, Pillow or pydicom, in a separate process

GDCM holds Python's lock while it decodes and is less fuzzed than Pillow. In a separate process it does not block other
threads, and if hostile pixels crash it, exhaust its memory or never end, one image is rejected and a new process is
started. Processes are reused, one for each thread that decodes at the same time, and end with the process that started
them.
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

SEPARATE = (
    *(JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1),
    *(JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, JPEG2000, RLELossless),
)
SECONDS = 120.0
"""Time limit for one image, s; GDCM takes less than one for 30 million pixels."""

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
    """Error of pixels that cannot be decoded, with the reason."""


def decode(dataset: pydicom.Dataset) -> NDArray[Any]:
    """Decode the pixels of a single-frame file, as they are stored; colours become RGB.

    Args:
        dataset: Data set with every element of `hilum.data.dicom.elements.REQUIRED`, and pixels.

    Returns:
        (H, W) or (H, W, 3) in the machine's byte order.

    Raises:
        DecodingError: No decoder, broken pixels, several frames, or a crash of the decoder.
    """
    pixels = _decode(dataset)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    if pixels.shape not in ((rows, columns), (rows, columns, 3)):
        decoded = " x ".join(f"{side:,}" for side in pixels.shape)
        raise DecodingError(f"pixels of {decoded}, but {rows:,} x {columns:,} in the header")
    return pixels


def surplus_of(dataset: pydicom.Dataset) -> tuple[int, int]:
    """Return the number of surplus frames and of further bytes in pixel data that should hold one frame.

    Fragments of one frame, and padding to an even length, are not surplus.

    Args:
        dataset: Data set with every element of `hilum.data.dicom.elements.REQUIRED`, and pixels.
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
    except (ValueError, struct.error):  # decoding reports the error
        return 0, 0
    if syntax == RLELossless:  # each fragment is a frame (PS3.5 A.4.2)
        return max(len(fragments) - 1, 0), 0
    return max(sum(fragment.startswith(_STARTS) for fragment in fragments) - 1, 0), 0


def _decode(dataset: pydicom.Dataset) -> NDArray[Any]:
    syntax = transfer_syntax(dataset)
    try:
        if syntax in SEPARATE:
            options = {name: dataset[keyword].value for name, keyword in _ATTRIBUTES.items() if keyword in dataset}
            options |= {"syntax": str(syntax), "number_of_frames": 1, "pixel_keyword": "PixelData"}
            return _decode_separately(options, get_frame(dataset.PixelData, 0, number_of_frames=1))
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
    # Decoders of untrusted bytes may raise anything; their messages describe the pixels and do not help the user.
    except Exception as error:
        raise DecodingError("broken pixels") from error


def stop_decoders() -> None:
    """Stop idle decoder processes; the next image starts a new one."""
    while True:
        try:
            _idle().get_nowait().stop()
        except Empty:
            return


def _decode_separately(options: dict[str, Any], frame: bytes) -> NDArray[Any]:
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
    """Process of `hilum.data.dicom.decoder`."""

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
        """Return the pixels, or the reason of a failure.

        Raises:
            DecodingError: The process crashed or timed out.
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
        """Stop the process; forks of its parent do not stop it."""
        atexit.unregister(self.stop)
        if self._owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._to, self._from):
            with contextlib.suppress(OSError):  # a pipe to a crashed process cannot be flushed
                stream.close()


def write_message(stream: BinaryIO, header: dict[str, Any], content: bytes) -> None:
    """Write a line of JSON with the length of the bytes that follow, and the bytes."""
    stream.write(json.dumps([header, len(content)]).encode() + b"\n")
    stream.write(content)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read a message of `write_message`.

    Raises:
        EOFError: No or an incomplete message.
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
    """Return the idle processes; a forked process does not share its parent's."""
    return _waiting.setdefault(os.getpid(), LifoQueue())
