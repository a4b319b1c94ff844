import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence

from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import read_gray

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def test_stored_values_of_a_12_bit_detector_are_kept(dicom):
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11))
    assert image.dtype == np.uint16
    assert np.array_equal(image, RAMP)


def test_monochrome1_is_turned_round_within_the_stored_bits(dicom):
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(image, 4095 - RAMP)


def test_eight_bits_stay_eight_bits(dicom):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = read_gray(dicom(pixels))
    assert image.dtype == np.uint8
    assert np.array_equal(image, pixels)


def test_signed_values_are_counted_from_the_lowest(dicom):
    image = read_gray(dicom(RAMP.astype(np.int16) - 2048, BitsStored=12, HighBit=11))
    assert np.array_equal(image, RAMP)


def test_a_rescale_with_few_levels_is_stretched(dicom):
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, RescaleSlope="0.001", RescaleIntercept="5"))
    np.testing.assert_allclose(image, RAMP * (65535 / 4095), atol=0.5)


def test_a_negative_slope_turns_the_image_round(dicom):
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, RescaleSlope="-1", RescaleIntercept="4095"))
    assert np.array_equal(image, 4095 - RAMP)


def test_a_window_is_applied_as_the_standard_says(dicom):
    center, width = 2048.0, 1000.0
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, WindowCenter=str(center), WindowWidth=str(width)))
    # DICOM PS3.3 C.11.2.1.2.1, linear function
    expected = ((RAMP - (center - 0.5)) / (width - 1) + 0.5) * 4095
    np.testing.assert_allclose(image, np.clip(expected, 0, 4095), atol=0.5)


def test_a_lookup_table_for_display_is_applied(dicom):
    item = pydicom.Dataset()
    item.LUTDescriptor = [4096, 0, 16]
    item.LUTData = np.sqrt(np.arange(4096) / 4095 * 65535**2).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    image = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, VOILUTSequence=Sequence([item])))
    np.testing.assert_allclose(image, np.sqrt(RAMP / 4095) * 65535, atol=1)


TWELVE = {"BitsStored": 12, "HighBit": 11}


@pytest.mark.parametrize("function", ["LINEAR_EXACT", "SIGMOID"])
def test_each_window_function_is_that_of_the_standard(dicom, function):
    center, width = 2048.0, 1000.0
    image = read_gray(dicom(RAMP, WindowCenter=center, WindowWidth=width, VOILUTFunction=function, **TWELVE))
    scaled = (RAMP - center) / width
    # DICOM PS3.3 C.11.2.1.3.2 and C.11.2.1.3.1
    expected = np.clip(scaled + 0.5, 0, 1) if function == "LINEAR_EXACT" else 1 / (1 + np.exp(-4 * scaled))
    np.testing.assert_allclose(image, expected * 4095, atol=0.5)


def test_the_first_of_several_windows_is_taken(dicom):
    first = read_gray(dicom(RAMP, WindowCenter=2048, WindowWidth=1000, **TWELVE))
    both = read_gray(dicom(RAMP, WindowCenter=[2048, 500], WindowWidth=[1000, 100], **TWELVE))
    assert np.array_equal(both, first)
    assert not np.array_equal(first, read_gray(dicom(RAMP, WindowCenter=500, WindowWidth=100, **TWELVE)))


def test_the_full_range_knows_no_window(dicom):
    path = dicom(RAMP, WindowCenter=2048, WindowWidth=1000, **TWELVE)
    assert np.array_equal(read_gray(path, window="full"), RAMP)


def test_a_window_counts_up_where_the_rescale_counts_down(dicom):
    negative = {"RescaleSlope": "-1", "RescaleIntercept": "4095"}
    path = dicom(RAMP, WindowCenter=2048, WindowWidth=1000, **negative, **TWELVE)
    upright = read_gray(dicom(4095 - RAMP, WindowCenter=2048, WindowWidth=1000, **TWELVE))
    np.testing.assert_allclose(read_gray(path), upright, atol=1)


def test_a_window_and_a_turned_scale_go_together(dicom):
    window = {"WindowCenter": 2048, "WindowWidth": 1000, **TWELVE}
    negative = read_gray(dicom(RAMP, PhotometricInterpretation="MONOCHROME1", **window))
    np.testing.assert_allclose(negative, 4095 - read_gray(dicom(RAMP, **window)).astype(float), atol=1)


def test_bits_above_and_below_the_stored_ones_are_cut(dicom):
    overlay = RAMP | 0x8000  # an overlay in the highest bit
    assert np.array_equal(read_gray(dicom(overlay, **TWELVE)), RAMP)
    shifted = (RAMP << 4) | 0xF
    assert np.array_equal(read_gray(dicom(shifted, BitsStored=12, HighBit=15)), RAMP)
    signed = ((RAMP.astype(np.int32) - 2048) & 0xFFF).astype(np.uint16) | 0x4000  # two's complement of 12 bits
    assert np.array_equal(read_gray(dicom(signed, PixelRepresentation=1, **TWELVE)), RAMP)


def test_a_modality_table_comes_before_the_window(dicom):
    item = pydicom.Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [4096, 0, 16], "US"
    item.LUTData = (np.arange(4096, dtype="<u2")[::-1] * 16).tobytes()
    item["LUTData"].VR = "OW"
    path = dicom(RAMP, ModalityLUTSequence=Sequence([item]), **TWELVE)
    assert np.array_equal(read_gray(path), (4095 - RAMP) * 16)


@pytest.mark.parametrize("meaning", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_takes_the_darkest_value_of_the_image(dicom, meaning):
    image = np.clip(RAMP, 500, 3000)
    padded = image.copy()
    padded[:3] = 4095
    padded[3] = 4090
    message = {
        "PhotometricInterpretation": meaning,
        "PixelPaddingValue": 4095,
        "PixelPaddingRangeLimit": 4090,
        **TWELVE,
    }
    shown, whole = (
        read_gray(dicom(padded, **message)),
        read_gray(dicom(image, PhotometricInterpretation=meaning, **TWELVE)),
    )
    assert np.array_equal(shown[4:], whole[4:])
    assert (shown[:4] == whole[4:].min()).all()


def test_an_image_that_is_all_padding_is_left_as_it_is(dicom):
    image = np.full((8, 8), 7, dtype=np.uint8)
    assert np.array_equal(read_gray(dicom(image, PixelPaddingValue=7)), image)


@pytest.mark.parametrize(
    "header",
    [
        {"RescaleSlope": "0", "RescaleIntercept": "0"},
        {"BitsStored": 17, "HighBit": 16},
        {"HighBit": 3},
        {"RescaleSlope": "1", "RescaleIntercept": "nan"},
    ],
)
def test_values_that_contradict_each_other_are_refused(dicom, header):
    with pytest.raises(UnreadableImage, match="undecodable DICOM"):
        read_gray(dicom(RAMP, **header))
