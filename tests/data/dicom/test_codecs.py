import signal
import sys
from io import BytesIO

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLosslessSV1, RLELossless

from hilum.data.dicom import codecs as dicom_codecs
from hilum.data.images import Remark
from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import read_gray, read_image

LOSSLESS = (
    "ExplicitVRLittleEndian",
    "ImplicitVRLittleEndian",
    "ExplicitVRBigEndian",
    "DeflatedExplicitVRLittleEndian",
    "JPEGLosslessProcess14",
    "JPEGLosslessProcess14_1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "RLELossless",
)


def stored(bits: int, *, signed: bool = False) -> np.ndarray:
    """A smooth image that uses every bit; 40 x 33, so that rows end between words."""
    noise = cv2.resize(np.random.default_rng(0).random((5, 4)), (33, 40), interpolation=cv2.INTER_CUBIC)
    noise = np.rint((noise - noise.min()) / np.ptp(noise) * (2**bits - 1)).astype(np.int32)
    noise -= 2 ** (bits - 1) if signed else 0
    return noise.astype(f"{'i' if signed else 'u'}{1 if bits <= 8 else 2}")


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(
    ("bits", "signed"), [(8, False), (10, False), (12, False), (16, False), (12, True), (16, True)]
)
def test_lossless_pixels_come_out_bit_by_bit(dicom, recoded, syntax, bits, signed):
    pixels = stored(bits, signed=signed)
    path = recoded(dicom(pixels, BitsStored=bits, HighBit=bits - 1), syntax)
    expected = pixels.astype(np.int32) + (2 ** (bits - 1) if signed else 0)
    assert np.array_equal(read_gray(path), expected)


@pytest.mark.parametrize(
    ("syntax", "bits", "loss"),
    [
        ("JPEGBaselineProcess1", 8, 2),
        ("JPEGExtendedProcess2_4", 8, 2),
        ("JPEGExtendedProcess2_4", 12, 2),
        ("JPEGLSNearLossless", 12, 3),
        ("JPEG2000", 12, 2),
    ],
)
def test_lossy_pixels_come_out_nearly_as_they_went_in(dicom, recoded, syntax, bits, loss):
    pixels = stored(bits) // 2 + 2 ** (bits - 2)  # room on both sides: the encoder overshoots
    path = recoded(dicom(pixels, BitsStored=bits, HighBit=bits - 1), syntax)
    assert np.abs(read_gray(path).astype(int) - pixels).max() <= loss


def test_pixels_of_another_encoder_of_rle_come_out_bit_by_bit(dicom):
    path = dicom(stored(12), BitsStored=12, HighBit=11)
    dataset = pydicom.dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(path)
    assert np.array_equal(read_gray(path), stored(12))


@pytest.mark.parametrize("bits", [8, 16])
def test_pixels_of_another_encoder_of_jpeg_2000_come_out_bit_by_bit(dicom, bits):
    stream = BytesIO()
    Image.fromarray(stored(bits)).save(stream, format="JPEG2000", no_jp2=True)
    path = encapsulated(dicom(stored(bits)), JPEG2000Lossless, stream.getvalue())
    assert np.array_equal(read_gray(path), stored(bits))


def test_a_baseline_jpeg_is_what_it_is_outside_of_dicom(dicom):
    stream = BytesIO()
    Image.fromarray(stored(8)).save(stream, format="JPEG", quality=80)
    path = encapsulated(dicom(stored(8)), JPEGBaseline8Bit, stream.getvalue())
    assert np.array_equal(read_gray(path), np.asarray(Image.open(stream)))


def test_compressed_pixels_keep_their_turn_and_their_scale(dicom, recoded):
    pixels = stored(12)
    path = dicom(pixels, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1")
    dataset = pydicom.dcmread(path)
    dataset.PatientOrientation = ["R", "F"]
    dataset.save_as(path)
    assert np.array_equal(read_gray(recoded(path, "JPEGLosslessProcess14_1")), 4095 - pixels[:, ::-1])


def encapsulated(path, syntax, frame):
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = pydicom.encaps.encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)
    return path


def test_a_crashed_decoder_costs_one_image_and_no_more(dicom, recoded, monkeypatch):
    crashing = [sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"]
    started = []
    popen = dicom_codecs.subprocess.Popen

    def start(command, **pipes):
        started.append(command)
        return popen(crashing if len(started) == 1 else command, **pipes)

    monkeypatch.setattr(dicom_codecs.subprocess, "Popen", start)
    monkeypatch.setattr(dicom_codecs, "_waiting", {})
    pixels = stored(12)
    path = recoded(dicom(pixels, BitsStored=12, HighBit=11), "JPEGLosslessProcess14_1")
    with pytest.raises(UnreadableImage, match=r"undecodable DICOM \(JPEG Lossless.*: pixels that crashed its decoder"):
        read_gray(path)
    assert np.array_equal(read_gray(path), pixels)
    assert np.array_equal(read_gray(path), pixels)
    assert len(started) == 2  # the second process took the third image too
    dicom_codecs.stop_decoders()


def test_a_decoder_that_never_ends_is_ended(dicom, recoded, monkeypatch):
    popen = dicom_codecs.subprocess.Popen
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(dicom_codecs.subprocess, "Popen", lambda command, **pipes: popen(sleeping, **pipes))
    monkeypatch.setattr(dicom_codecs, "_waiting", {})
    monkeypatch.setattr(dicom_codecs, "SECONDS", 0.5)
    path = recoded(dicom(stored(12), BitsStored=12, HighBit=11), "JPEGLSLossless")
    with pytest.raises(UnreadableImage, match="pixels that took more than 0 s"):
        read_gray(path)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, RLELossless])
def test_rubbish_for_pixels_is_refused_by_name(dicom, syntax):
    path = encapsulated(dicom(stored(8)), syntax, bytes(range(256)))
    with pytest.raises(UnreadableImage, match=r"undecodable DICOM \((JPEG|RLE) Lossless.*\): broken pixels"):
        read_gray(path)


def test_a_transfer_syntax_that_nobody_decodes_is_named(dicom):
    path = encapsulated(dicom(stored(8)), pydicom.uid.HTJ2KLossless, bytes(64))
    with pytest.raises(UnreadableImage, match=r"\(High-Throughput JPEG 2000.*\): no decoder for this transfer syntax"):
        read_gray(path)


def with_pixels(path, data, **elements):
    dataset = pydicom.dcmread(path)
    dataset.PixelData = data
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", ["ExplicitVRLittleEndian", "DeflatedExplicitVRLittleEndian"])
@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("frames", [2, 3])
@pytest.mark.parametrize("counted", [None, 1])
def test_frames_that_nobody_counts_are_several_frames(dicom, recoded, syntax, bits, frames, counted):
    path = dicom(stored(bits), BitsStored=bits, HighBit=bits - 1)
    with_pixels(path, stored(bits).tobytes() * frames, **({} if counted is None else {"NumberOfFrames": counted}))
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    dataset.save_as(path)
    with pytest.raises(UnreadableImage, match=f"expected one frame; found pixel data of {frames} frames"):
        read_gray(path)


def test_rows_that_count_too_few_are_reported_from_a_whole_frame_more(dicom):
    path = with_pixels(dicom(stored(8)), stored(8).tobytes(), Rows=stored(8).shape[0] // 2)
    with pytest.raises(UnreadableImage, match="pixel data of 2 frames"):
        read_gray(path)


def test_a_part_of_a_frame_more_is_left_out_and_stated(dicom):
    path = with_pixels(dicom(stored(12), BitsStored=12, HighBit=11), stored(12).tobytes() + bytes(100))
    image = read_image(path)
    assert np.array_equal(image.pixels, stored(12))
    assert image.remarks == (Remark.SURPLUS_PIXEL_DATA,)
    odd = stored(8)[:, :31]  # 1,240 bytes, of which none is added
    assert read_image(dicom(odd)).remarks == ()
    assert read_image(dicom(odd[:39])).remarks == ()  # 1,209, and the byte that makes it even


def test_colours_of_two_frames_cost_that_file(dicom):
    colours = np.dstack([stored(8)] * 3)
    message = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    assert np.array_equal(read_gray(dicom(stored(8), PixelData=colours.tobytes(), **message)), stored(8))
    with pytest.raises(UnreadableImage, match="pixel data of 2 frames"):
        read_gray(dicom(stored(8), PixelData=colours.tobytes() * 2, **message))


@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEG2000Lossless", "JPEGLSLossless", "RLELossless"])
def test_compressed_frames_that_nobody_counts_are_several_frames(dicom, recoded, syntax):
    path = recoded(dicom(stored(12), BitsStored=12, HighBit=11), syntax)
    dataset = pydicom.dcmread(path)
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame, frame])
    dataset.save_as(path)
    with pytest.raises(UnreadableImage, match="pixel data of 2 frames"):
        read_gray(path)


def test_a_frame_in_several_fragments_is_one_frame(dicom, recoded):
    path = recoded(dicom(stored(12), BitsStored=12, HighBit=11), "JPEG2000Lossless")
    dataset = pydicom.dcmread(path)
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame], fragments_per_frame=4)
    dataset.save_as(path)
    assert np.array_equal(read_gray(path), stored(12))
