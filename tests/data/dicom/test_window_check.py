"""A window beside all values is found when the header is read: nothing else of the pixels is decoded for it."""

import numpy as np
import pytest

from hilum.data.dicom import read as reading, read_header
from hilum.data.images import Remark
from hilum.data.pixels import read_image

BESIDE = Remark.WINDOW_BESIDE_VALUES
TWELVE = {"BitsStored": 12, "HighBit": 11}
RAMP = np.linspace(200, 900, 32 * 40).astype(np.uint16).reshape(32, 40)


@pytest.mark.parametrize(
    "header",
    [
        {"WindowCenter": "60000", "WindowWidth": "100"},
        {"WindowCenter": "-5000", "WindowWidth": "100"},
        {"WindowCenter": "3000", "WindowWidth": "500"},  # within 12 bits, and beside the image's values
        {"WindowCenter": "50", "WindowWidth": "100"},
        {"WindowCenter": "50", "WindowWidth": "100", "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": "90000", "WindowWidth": "10", "VOILUTFunction": "SIGMOID"},
        {"WindowCenter": "500", "WindowWidth": "400", "RescaleSlope": "1", "RescaleIntercept": "-5000"},
        {"WindowCenter": "3000", "WindowWidth": "500", "SmallestImagePixelValue": 200, "LargestImagePixelValue": 900},
    ],
)
def test_a_window_beside_all_values_is_reported_by_header_and_pixels_alike(dicom, header):
    path = dicom(RAMP, **TWELVE, **header)
    assert np.ptp(read_image(path, "header").pixels) == 0
    assert read_image(path, "header").remarks == (BESIDE,)
    assert read_header(path).remarks == (BESIDE,)
    assert read_header(path, path.read_bytes()).remarks == (BESIDE,)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"WindowCenter": "600", "WindowWidth": "400"},
        {"WindowCenter": "2048", "WindowWidth": "4096"},
        {"WindowCenter": "550", "WindowWidth": "1"},  # a step: black and white
        {"WindowCenter": "3000", "WindowWidth": "500", "RescaleSlope": "4", "RescaleIntercept": "0"},
        {"WindowCenter": "1", "WindowWidth": "1000000", "VOILUTFunction": "SIGMOID"},
    ],
)
def test_a_window_that_shows_something_is_not(dicom, header):
    path = dicom(RAMP, **TWELVE, **header)
    assert np.ptp(read_image(path, "header").pixels) > 0
    assert BESIDE not in read_header(path).remarks


def test_the_pixels_decide_where_header_or_sample_only_suspect(dicom):
    # 12 bits in a file that counts 10: the window lies beside what the header can hold, not beside the values
    more = dicom((RAMP * 4).astype(np.uint16), BitsStored=10, HighBit=9, WindowCenter="2500", WindowWidth="1000")
    assert BESIDE not in read_header(more).remarks
    assert np.ptp(read_image(more, "header").pixels) > 0
    # the middle of the image is dark, its rim is in the window
    rim = np.full((64, 200), 300, dtype=np.uint16)
    rim[:, :10] = 3000
    assert BESIDE not in read_header(dicom(rim, **TWELVE, WindowCenter="3000", WindowWidth="500")).remarks
    # an even image is even without a window, too
    even = dicom(np.full((32, 32), 7, dtype=np.uint16), **TWELVE, WindowCenter="3000", WindowWidth="500")
    assert BESIDE not in read_header(even).remarks


@pytest.mark.parametrize("signed", [False, True])
def test_signed_and_big_endian_values_are_looked_at_as_they_are_meant(dicom, signed):
    values = RAMP.astype(np.int16) - (2048 if signed else 0)
    window = {"WindowCenter": str(1500 - (2048 if signed else 0)), "WindowWidth": "400"}
    path = dicom(values if signed else RAMP, **TWELVE, PixelRepresentation=int(signed), **window)
    assert read_header(path).remarks == read_image(path, "header").remarks == (BESIDE,)
    inside = {"WindowCenter": str(600 - (2048 if signed else 0)), "WindowWidth": "400"}
    assert (
        read_header(dicom(values if signed else RAMP, **TWELVE, PixelRepresentation=int(signed), **inside)).remarks
        == ()
    )


def test_only_suspected_files_are_decoded(dicom, monkeypatch):
    def refuse(*_):
        raise AssertionError("decoded")

    path = dicom(RAMP, **TWELVE, WindowCenter="600", WindowWidth="400")
    beside = dicom(RAMP, "b.dcm", **TWELVE, WindowCenter="3000", WindowWidth="400")
    monkeypatch.setattr(reading, "read_dicom", refuse)
    assert read_header(path).remarks == ()
    with pytest.raises(AssertionError, match="decoded"):
        read_header(beside)
