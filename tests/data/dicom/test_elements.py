import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence

from hilum.data.dicom import HEADER_TAGS, IMAGE_TAGS, REQUIRED, named, read_header
from hilum.data.images import Remark
from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import read_image

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
USED = tuple(dict.fromkeys((*IMAGE_TAGS, *HEADER_TAGS)))


def whole(path, **others):
    """A header with a value in everything that can be used at once, windows and tables among it."""
    dataset = pydicom.dcmread(path)
    for keyword, value in {
        "PatientID": "p1",
        "StudyInstanceUID": "1.2.3",
        "ViewPosition": "PA",
        "PatientAge": "040Y",
        "PatientSex": "F",
        "PatientOrientation": ["R", "F"],
        "BurnedInAnnotation": "NO",
        "PixelSpacing": [0.1, 0.1],
        "ImagerPixelSpacing": [0.1, 0.1],
        "NumberOfFrames": 1,
        "PlanarConfiguration": 0,
        "RescaleSlope": "2",
        "RescaleIntercept": "-100",
        "VOILUTFunction": "LINEAR_EXACT",
        "WindowCenter": "4000",
        "WindowWidth": "3000",
        **others,
    }.items():
        setattr(dataset, keyword, value)
    dataset.add(DataElement("PixelPaddingValue", "US", 16))
    dataset.add(DataElement("PixelPaddingRangeLimit", "US", 48))
    return dataset


def outcome(dataset, path):
    """What becomes of a file: its pixels and remarks, or why it is set aside; and its header."""
    dataset.save_as(path)
    message = []
    for read in (read_image, read_header):
        try:
            one = read(path)
            message.append((one.pixels.tobytes(), one.pixels.shape, one.remarks) if read is read_image else one)
        except UnreadableImage as error:
            message.append(error.reason)
    return message


@pytest.mark.parametrize("compressed", [False, True])
@given(keywords=st.sets(st.sampled_from(USED), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_elements_of_zero_length_are_as_if_absent(dicom, compressed, keywords):
    path = dicom(RAMP, BitsStored=12, HighBit=11)
    dataset = whole(path)
    if compressed:
        dataset.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    keywords -= {"PixelData"} if compressed else set()  # pydicom does not write them empty
    for keyword in keywords:
        tag = pydicom.datadict.tag_for_keyword(keyword)
        vr = pydicom.datadict.dictionary_VR(tag).split()[0]
        dataset[tag] = DataElement(tag, "OB" if keyword == "PixelData" else vr, Sequence() if vr == "SQ" else None)
    empty = outcome(dataset, path)
    for keyword in keywords:
        delattr(dataset, keyword)
    assert empty == outcome(dataset, path)


@pytest.mark.parametrize("keyword", ["LUTDescriptor", "LUTData", "ModalityLUTType", "LUTExplanation"])
@pytest.mark.parametrize("sequence", ["VOILUTSequence", "ModalityLUTSequence"])
def test_elements_of_zero_length_within_a_table_are_as_if_absent(dicom, sequence, keyword):
    path = dicom(RAMP, BitsStored=12, HighBit=11)
    item = pydicom.Dataset()
    item.LUTDescriptor, item.LUTExplanation, item.ModalityLUTType = [4096, 0, 16], "normal", "US"
    item.add(DataElement(0x00283006, "OW", (np.arange(4096, dtype="<u2") * 3).tobytes()))
    dataset = whole(path, **{sequence: Sequence([item])})
    item[keyword] = DataElement(keyword, {"LUTDescriptor": "US", "LUTData": "OW"}.get(keyword, "LO"), None)
    empty = outcome(dataset, path)
    delattr(item, keyword)
    assert empty == outcome(dataset, path)


@pytest.mark.parametrize("keyword", REQUIRED)
@pytest.mark.parametrize("gone", [True, False])
def test_what_is_missing_is_named(dicom, keyword, gone):
    path = dicom(RAMP, BitsStored=12, HighBit=11)
    dataset = pydicom.dcmread(path)
    if gone:
        delattr(dataset, keyword)
    else:
        vr = pydicom.datadict.dictionary_VR(keyword)
        dataset[keyword] = DataElement(keyword, vr, None)
    dataset.save_as(path)
    for read in (read_image, read_header):
        with pytest.raises(UnreadableImage) as caught:
            read(path)
        assert caught.value.reason == f"{named(keyword)} is missing"


def test_all_that_is_missing_is_named_at_once(dicom):
    path = dicom(RAMP, BitsStored=None, PixelRepresentation=None, HighBit=None)
    with pytest.raises(UnreadableImage) as caught:
        read_image(path)
    assert caught.value.reason == "BitsStored (0028,0101), PixelRepresentation (0028,0103) are missing"


def test_a_count_of_no_frames_is_read_and_stated(dicom):
    image = read_image(dicom(RAMP, NumberOfFrames=0))
    assert image.pixels.shape == (16, 16)
    assert image.remarks == (Remark.ZERO_FRAMES,)
