import math

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

from hilum.data.dicom import read_header
from hilum.data.images import Remark
from hilum.data.pixels import read_gray, read_image

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
TWELVE = {"BitsStored": 12, "HighBit": 11}
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def with_text(path, **texts):
    """The file with decimal strings that pydicom would refuse to write."""
    dataset = pydicom.dcmread(path)
    for keyword, text in texts.items():
        setattr(dataset, keyword, "1" * len(text))
    dataset.save_as(path)
    content = path.read_bytes()
    for keyword, text in texts.items():
        tag = pydicom.tag.Tag(pydicom.datadict.tag_for_keyword(keyword))
        place = content.find(tag.group.to_bytes(2, "little") + tag.element.to_bytes(2, "little") + b"DS")
        length = int.from_bytes(content[place + 6 : place + 8], "little")
        content = content[: place + 8] + text.encode().ljust(length) + content[place + 8 + length :]
    path.write_bytes(content)
    return path


def as_number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


@given(
    center=st.sampled_from(["2048", "NaN ", "inf", "-inf", "2048,0", "abc", "1e400"]),
    width=st.sampled_from(["4096", "1", "0", "-100", "0.4", "NaN", "inf ", "1e400", "4096;0", "x"]),
    function=st.sampled_from([None, "LINEAR", "CUBIC"]),
)
@PROPERTY
def test_a_window_that_cannot_be_is_left_out_and_stated(dicom, center, width, function):
    path = with_text(dicom(RAMP, **TWELVE), WindowCenter=center, WindowWidth=width)
    if function:
        dataset = pydicom.dcmread(path)
        dataset.VOILUTFunction = function
        dataset.save_as(path)
    numbers = as_number(center), as_number(width)
    can_be = all(map(math.isfinite, numbers)) and numbers[1] >= 1 and function != "CUBIC"
    image = read_image(path)
    assert (Remark.WINDOW_IMPOSSIBLE in image.remarks) == (not can_be)
    assert (Remark.WINDOW_IMPOSSIBLE in read_header(path).remarks) == (not can_be)  # ingest counts it
    if not can_be:
        assert np.array_equal(image.pixels, RAMP)
        assert np.array_equal(read_gray(path, "full"), RAMP)


def test_a_window_of_small_values_is_one_by_its_exact_function(dicom):
    scaled = {"RescaleSlope": "0.0001", "RescaleIntercept": "0", **TWELVE}
    window = {"WindowCenter": "0.1", "WindowWidth": "0.2"}
    image = read_gray(dicom(RAMP, VOILUTFunction="LINEAR_EXACT", **window, **scaled))
    np.testing.assert_allclose(image, np.clip(RAMP * 0.0001 / 0.2, 0, 1) * 65535, atol=1)


@pytest.mark.parametrize(("center", "bright"), [("60000", 0), ("-5000", 4095)])
def test_a_window_beside_all_values_is_reported_with_the_way_out(dicom, center, bright):
    path = dicom(RAMP, WindowCenter=center, WindowWidth="100", **TWELVE)
    image = read_image(path)
    assert (image.pixels == bright).all()
    assert image.remarks == (Remark.WINDOW_BESIDE_VALUES,)
    assert "window: full" in Remark.WINDOW_BESIDE_VALUES.fix
    assert np.array_equal(read_gray(path, "full"), RAMP)
    assert read_image(path, "full").remarks == ()


def test_a_window_that_leaves_something_is_not_given_to_be_beside(dicom):
    for header in ({"WindowCenter": "4000", "WindowWidth": "200"}, {"WindowCenter": "2048", "WindowWidth": "1"}):
        assert read_image(dicom(RAMP, **header, **TWELVE)).remarks == ()
    even = np.full((8, 8), 7, dtype=np.uint16)
    assert read_image(dicom(even, WindowCenter="60000", WindowWidth="100", **TWELVE)).remarks == ()


def test_padding_does_not_hide_that_a_window_is_beside(dicom):
    padded = RAMP.copy()
    padded[:4] = 0
    path = dicom(padded, PixelPaddingValue=0, WindowCenter="100", WindowWidth="100", **TWELVE)
    assert read_image(path).remarks == (Remark.WINDOW_BESIDE_VALUES,)


def test_the_first_window_that_can_be_is_taken(dicom):
    first = read_gray(dicom(RAMP, WindowCenter="2048", WindowWidth="1000", **TWELVE))
    blank = dicom(RAMP, WindowCenter=["", "2048"], WindowWidth=["", "1000"], **TWELVE)
    assert np.array_equal(read_gray(blank), first)
    assert read_image(blank).remarks == ()
    zero = dicom(RAMP, WindowCenter=["100", "2048"], WindowWidth=["0", "1000"], **TWELVE)
    assert np.array_equal(read_gray(zero), first)
    assert read_image(zero).remarks == (Remark.WINDOW_IMPOSSIBLE,)


def table(values, first, bits, vr="US", first_vr="US"):
    item = pydicom.Dataset()
    item.add(
        DataElement(
            0x00283002, first_vr, [len(values) if first_vr == "US" else int(np.int16(len(values))), first, bits]
        )
    )
    item.add(DataElement(0x00283006, "OW", np.asarray(values, dtype="<u2").tobytes()))
    return item


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_of_8_bits_for_12_bit_values_does_not_wrap_round(dicom, keyword):
    item = table(np.arange(4096) >> 4, 0, 8)
    path = dicom(RAMP, **{keyword: Sequence([item])}, **TWELVE)
    assert np.array_equal(read_gray(path), RAMP >> 4)


@pytest.mark.parametrize(("first", "vr"), [(-2048, "SS"), (63_488, "US")])
def test_the_first_value_of_a_table_is_signed_as_the_pixels_are(dicom, first, vr):
    item = table(np.arange(4096) * 16, first, 16, first_vr=vr)
    for keyword in ("VOILUTSequence", "ModalityLUTSequence"):
        path = dicom(RAMP.astype(np.int16) - 2048, **{keyword: Sequence([item])}, **TWELVE)
        assert np.array_equal(read_gray(path), RAMP * 16)


def test_a_table_that_cannot_be_gives_way_to_the_window_beside_it(dicom):
    window = {"WindowCenter": "2048", "WindowWidth": "1000", **TWELVE}
    expected = read_gray(dicom(RAMP, **window))
    empty = pydicom.Dataset()
    empty.add(DataElement(0x00283002, "US", None))
    empty.LUTExplanation = "normal"
    empty.add(DataElement(0x00283006, "OW", None))
    assert np.array_equal(read_gray(dicom(RAMP, VOILUTSequence=Sequence([empty]), **window)), expected)
    short = table(np.arange(10), 0, 16)
    short.LUTDescriptor = [4096, 0, 16]
    image = read_image(dicom(RAMP, VOILUTSequence=Sequence([short]), **window))
    assert np.array_equal(image.pixels, expected)
    assert image.remarks == (Remark.WINDOW_IMPOSSIBLE,)


@pytest.mark.parametrize("alone", [{"RescaleSlope": "2"}, {"RescaleIntercept": "-1024"}])
def test_half_a_rescale_is_left_out_and_stated(dicom, alone):
    image = read_image(dicom(RAMP, **alone, **TWELVE))
    assert np.array_equal(image.pixels, RAMP)
    assert image.remarks == (Remark.INCOMPLETE_RESCALE,)
