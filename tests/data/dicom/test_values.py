import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydicom.dataelem import DataElement

from hilum.data.images import Remark
from hilum.data.pixels import read_gray, read_image

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
TWELVE = {"BitsStored": 12, "HighBit": 11}
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def with_elements(path, *elements):
    """The file with some elements set, in a VR that pydicom would not choose."""
    dataset = pydicom.dcmread(path)
    for element in elements:
        dataset.add(element)
    dataset.save_as(path)
    return path


def test_values_beyond_bits_stored_are_values(dicom):
    image = read_image(dicom(RAMP, BitsStored=10, HighBit=9))
    assert np.array_equal(image.pixels, read_gray(dicom(RAMP, **TWELVE)))
    assert image.remarks == (Remark.BITS_ABOVE_STORED,)
    assert read_image(dicom(RAMP, **TWELVE)).remarks == ()


def test_the_brightest_pixels_of_a_little_more_than_12_bits_stay_the_brightest(dicom):
    more = RAMP + 51  # up to 4,131
    image = read_image(dicom(more, **TWELVE))
    assert np.array_equal(image.pixels, more)
    assert image.remarks == (Remark.BITS_ABOVE_STORED,)


def test_black_and_white_are_turned_round_within_the_bits_that_are_used(dicom):
    path = dicom(RAMP, BitsStored=10, HighBit=9, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_gray(path), 4095 - RAMP)


@pytest.mark.parametrize("syntax", ["JPEG2000Lossless", "JPEGLosslessProcess14_1", "RLELossless"])
def test_compressed_values_beyond_bits_stored_are_values(dicom, recoded, syntax):
    path = recoded(dicom(RAMP, **TWELVE), syntax)
    dataset = pydicom.dcmread(path)
    dataset.BitsStored, dataset.HighBit = 10, 9
    dataset.save_as(path)
    image = read_image(path)
    assert np.array_equal(image.pixels, RAMP)
    assert image.remarks == (Remark.BITS_ABOVE_STORED,)


@given(
    allocated=st.sampled_from([8, 16]),
    used=st.integers(2, 16),
    stored=st.integers(1, 16),
    shift=st.integers(0, 15),
    signed=st.booleans(),
)
@PROPERTY
def test_any_bits_stored_and_high_bit_give_the_values_that_were_written(dicom, allocated, used, stored, shift, signed):
    used, stored = min(used, allocated), min(stored, allocated, used)
    shift = min(shift, allocated - used)
    low = -(2 ** (used - 1)) if signed else 0
    values = np.linspace(low, low + 2**used - 1, 256).round().astype(np.int64).reshape(16, 16)
    words = (values << shift) & (2**allocated - 1)
    pixels = words.astype(f"u{allocated // 8}")
    header = {"BitsStored": stored, "HighBit": shift + stored - 1, "PixelRepresentation": int(signed)}
    # With no bit between them cut: one bit stored of two or more is a sign or a value, and the rest is found.
    image = read_image(dicom(pixels, **header))
    assert image.remarks == ((Remark.BITS_ABOVE_STORED,) if stored < used else ())
    spread = 2**used - 1
    full = spread if spread >= 255 else (255 if used <= 8 else 65535)
    np.testing.assert_allclose(image.pixels, (values - low) * (full / spread), atol=0.5)


def test_a_sign_carried_on_through_the_word_belongs_to_the_value(dicom):
    signed = RAMP.astype(np.int16) - 2048
    assert read_image(dicom(signed, **TWELVE)).remarks == ()
    bare = (signed & 0xFFF).astype(np.uint16)
    image = read_image(dicom(bare, PixelRepresentation=1, **TWELVE))
    assert np.array_equal(image.pixels, RAMP)
    assert image.remarks == ()


@pytest.mark.parametrize("bit", [12, 13, 15])
def test_a_declared_overlay_is_cut_and_not_remarked(dicom, bit):
    overlay = RAMP | np.where(np.arange(256).reshape(16, 16) % 3 == 0, 1 << bit, 0).astype(np.uint16)
    path = with_elements(
        dicom(overlay, **TWELVE), DataElement(0x60020100, "US", 16), DataElement(0x60020102, "US", bit)
    )
    image = read_image(path)
    assert np.array_equal(image.pixels, RAMP)
    assert image.remarks == ()


def test_an_overlay_in_an_element_of_its_own_takes_no_bit_of_a_value(dicom):
    path = dicom(RAMP, BitsStored=10, HighBit=9)
    with_elements(path, DataElement(0x60000100, "US", 1), DataElement(0x60000102, "US", 0))
    assert np.array_equal(read_gray(path), RAMP)


def test_bits_that_stand_apart_are_cut_and_remarked(dicom):
    image = read_image(dicom(RAMP | np.uint16(0x8000), **TWELVE))
    assert np.array_equal(image.pixels, RAMP)
    assert image.remarks == (Remark.UNDECLARED_OVERLAY,)


@given(value=st.integers(-2048, 2047), vr=st.sampled_from(["US", "SS"]), width=st.integers(0, 40), cut=st.booleans())
@PROPERTY
def test_padding_compares_by_the_sign_of_the_pixels_however_it_is_stored(dicom, value, vr, width, cut):
    signed = RAMP.astype(np.int16) - 2048
    limit = min(value + width, 2047)

    def element(tag, number):
        pattern = number & (0xFFF if cut else 0xFFFF)  # with or without its sign carried on
        as_signed = pattern - 0x10000 if pattern >= 0x8000 else pattern
        return DataElement(tag, vr, pattern if vr == "US" else as_signed)

    path = with_elements(dicom(signed, **TWELVE), element(0x00280120, value), element(0x00280121, limit))
    padded = (signed >= value) & (signed <= limit)
    image = read_gray(path)
    assert np.array_equal(image[~padded], RAMP[~padded])
    if padded.any():
        assert set(image[padded]) == {RAMP[~padded].min()}


@pytest.mark.parametrize(("value", "limit"), [(0, None), (32, 0), (0, 32)])
def test_a_padding_value_or_limit_of_0_is_one(dicom, value, limit):
    header = {"PixelPaddingValue": value} | ({} if limit is None else {"PixelPaddingRangeLimit": limit})
    image = read_gray(dicom(RAMP, PhotometricInterpretation="MONOCHROME1", **header, **TWELVE))
    padded = max(value, limit or 0) >= RAMP
    assert np.array_equal(image[~padded], 4095 - RAMP[~padded])
    assert (image[padded] == 4095 - RAMP.max()).all()  # the darkest of the rest


def test_padding_that_no_value_can_be_is_no_value(dicom):
    padded = RAMP.copy()
    padded[:2] = 63_536  # -2000 as unsigned, in an image of 12 bits
    image = read_image(with_elements(dicom(padded, **TWELVE), DataElement(0x00280120, "SS", -2000)))
    assert image.remarks == ()
    assert np.array_equal(image.pixels[2:], RAMP[2:])
    assert (image.pixels[:2] == RAMP[2:].min()).all()
