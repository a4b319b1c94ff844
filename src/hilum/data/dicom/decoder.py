"""Decoder process of `hilum.data.dicom.codecs`: reads compressed frames, writes pixels, until the end of its input.

It receives pixel data and their format only, no other element of a file. Its memory is limited, so that pixels that
decompress to more than any image holds cause an error here.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGExtended12Bit

from hilum.data.dicom.codecs import read_message, write_message

MAX_MEMORY = 4 << 30
"""Limit of the address space, bytes; an image of 100 million pixels needs 1.5 GB."""


def main() -> None:
    """Decode frames from standard input until it ends."""
    _limit_memory()
    while True:
        try:
            options, frame = read_message(sys.stdin.buffer)
        except EOFError:
            return
        try:
            pixels = decode(options, frame)
            answer, content = {"dtype": pixels.dtype.str, "shape": pixels.shape}, pixels.tobytes()
        # Decoders may raise anything on broken pixels; the image is rejected with this reason.
        except Exception:  # noqa: BLE001
            answer, content = {"error": "broken pixels"}, b""
        write_message(sys.stdout.buffer, answer, content)


def decode(options: dict[str, Any], frame: bytes) -> NDArray[Any]:
    """Return the pixels of one compressed frame; colours become RGB."""
    syntax = UID(options.pop("syntax"))
    if syntax == JPEGExtended12Bit and options["bits_stored"] > 8:
        return _extended_of_12_bits(options, frame)
    # GDCM cuts bits above BitsStored; if they are part of the values is decided in hilum.data.dicom.values.
    options["bits_stored"] = options["bits_allocated"]
    # Unused bits are handled in hilum.data.dicom.display.
    pixels, _ = get_decoder(syntax).as_array(encapsulate([frame]), **options | {"correct_unused_bits": False})
    return pixels


def _extended_of_12_bits(options: dict[str, Any], frame: bytes) -> NDArray[np.uint16]:
    """Decode JPEG process 4 with 12 bits, which GDCM supports but pydicom does not request."""
    import gdcm

    if options["samples_per_pixel"] != 1 or options["bits_allocated"] != 16:
        raise ValueError("12-bit JPEG of several samples")
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(frame)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((options["columns"], options["rows"], 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    bits = options["bits_stored"]
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits, bits - 1, options["pixel_representation"]))
    # GDCM returns bytes as text, one character for each.
    pixels = image.GetBuffer().encode("utf-8", "surrogateescape")
    return np.frombuffer(pixels, dtype=np.uint16).reshape(options["rows"], options["columns"])


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on this system
        return


if __name__ == "__main__":
    main()
