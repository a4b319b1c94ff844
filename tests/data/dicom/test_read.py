import threading
import warnings
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    JPEG2000Lossless,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from hilum.data.dicom import DicomHeader, read_header
from hilum.data.images import Remark
from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import read_gray


def test_several_frames_are_refused(dicom):
    with pytest.raises(UnreadableImage, match="expected one frame; found 3 frames"):
        read_gray(dicom(np.zeros((3, 8, 8), dtype=np.uint8), NumberOfFrames=3))


def test_a_transfer_syntax_without_decoder_is_named(dicom):
    encapsulated = pydicom.encaps.encapsulate([b"\xff\x4f\xff\x51" + bytes(100)])
    path = dicom(np.zeros((8, 8), dtype=np.uint16), TransferSyntaxUID=JPEG2000Lossless, PixelData=encapsulated)
    with pytest.raises(UnreadableImage, match=r"undecodable DICOM \(JPEG 2000 Image Compression \(Lossless Only\)\)"):
        read_gray(path)


def test_a_palette_is_refused_and_equal_colours_are_gray(dicom):
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    with pytest.raises(UnreadableImage, match="a DICOM image in PALETTE COLOR"):
        read_gray(dicom(pixels, PhotometricInterpretation="PALETTE COLOR"))
    colours = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PixelData": np.dstack([pixels] * 3).tobytes()}
    assert np.array_equal(read_gray(dicom(pixels, PhotometricInterpretation="RGB", **colours)), pixels)


@pytest.mark.parametrize("header", [{"Rows": 60_000, "Columns": 60_000}, {"Rows": 0}])
def test_impossible_sizes_are_refused(dicom, header):
    with pytest.raises(UnreadableImage, match="pixels; 1 to 100,000,000 are allowed"):
        read_gray(dicom(np.zeros((8, 8), dtype=np.uint8), **header))


def test_too_few_pixels_are_refused(dicom):
    with pytest.raises(UnreadableImage, match="undecodable DICOM"):
        read_gray(dicom(np.zeros((8, 8), dtype=np.uint8), Rows=16))


IMAGE = np.arange(64, dtype=np.uint8).reshape(8, 8)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"SOPClassUID": CTImageStorage, "Modality": "CT"}, "CT Image Storage, not a CR or DX radiograph"),
        ({"SOPClassUID": DigitalMammographyXRayImageStorageForPresentation}, "Digital Mammography .*, not a CR or DX"),
        ({"SOPClassUID": MultiFrameGrayscaleByteSecondaryCaptureImageStorage}, "Multi-frame .*, not a CR or DX"),
        ({"Modality": "MG"}, r"modality MG \(mammography\), not CR or DX"),
        ({"Modality": "XA"}, r"modality XA \(angiography\), not CR or DX"),
        ({"Modality": "DOE^JOHN"}, "found modality unknown, not CR or DX"),
        ({"Modality": "OT"}, r"modality OT \(other\), not CR or DX"),
        ({"NumberOfFrames": "2000000000"}, "expected one frame; found 2,000,000,000 frames"),
    ],
)
def test_what_is_no_single_radiograph_is_refused_by_header_and_by_pixels(dicom, header, message):
    path = dicom(IMAGE, **header)
    for read in (read_header, read_gray):
        with pytest.raises(UnreadableImage, match=message):
            read(path)


@pytest.mark.parametrize(
    "header",
    [
        {"SOPClassUID": DigitalXRayImageStorageForPresentation, "Modality": "DX"},
        {"SOPClassUID": DigitalXRayImageStorageForProcessing, "Modality": "DX"},
        {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "CR"},
        {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "OT"},
        {"SOPClassUID": "1.2.3", "Modality": None},  # nothing that contradicts a radiograph
        {"Modality": "RG"},
    ],
)
def test_radiographs_of_any_class_are_read(dicom, header):
    path = dicom(IMAGE, **header)
    assert np.array_equal(read_gray(path), IMAGE)
    assert (Remark.SECONDARY_CAPTURE in read_header(path).remarks) == (
        header.get("SOPClassUID") == SecondaryCaptureImageStorage
    )


def test_remarks_name_what_a_user_should_know(dicom):
    assert read_header(dicom(IMAGE)).remarks == ()
    message = read_header(dicom(IMAGE, BurnedInAnnotation="YES", PatientOrientation=["R", "F"])).remarks
    assert message == (Remark.BURNED_IN_TEXT, Remark.TURNED)
    assert read_header(dicom(IMAGE, PatientOrientation=["R", "F"])).turned
    assert not read_header(dicom(IMAGE, PatientOrientation=["L", "F"])).turned


def test_pixel_spacing_is_that_of_the_upright_image(dicom):
    header = read_header(dicom(IMAGE, PixelSpacing=[0.2, 0.1], ImagerPixelSpacing=[0.3, 0.3]))
    assert (header.pixel_spacing, header.imager_pixel_spacing) == ((0.2, 0.1), (0.3, 0.3))
    turned = read_header(dicom(IMAGE, PixelSpacing=[0.2, 0.1], PatientOrientation=["F", "L"]))
    assert turned.pixel_spacing == (0.1, 0.2)
    assert read_header(dicom(IMAGE, PixelSpacing=[0, 0.1])).pixel_spacing is None


def test_a_header_passes_on_only_terms_of_the_standard(dicom):
    header = read_header(dicom(IMAGE, ViewPosition="DOE JOHN", PatientSex="JD", PatientAge="JOHN"))
    assert (header.view, header.sex, header.age) == (None, None, None)
    odd = dicom(IMAGE, StudyInstanceUID="1.2.4")
    odd.write_bytes(odd.read_bytes().replace(b"1.2.4\0", b"JOHN D"))
    assert read_header(odd).study_id is None


@pytest.mark.parametrize("bits", [1, 32])
def test_pixels_of_other_than_8_or_16_bits_are_refused(dicom, bits):
    with pytest.raises(UnreadableImage, match="without pixels of 8 or 16 bits"):
        read_gray(dicom(IMAGE, BitsAllocated=bits, BitsStored=bits))


def test_a_file_without_pixels_is_refused(dicom):
    with pytest.raises(UnreadableImage, match="without pixels of 8 or 16 bits"):
        read_gray(dicom(IMAGE, PixelData=None))


def test_colours_of_a_secondary_capture_become_gray(dicom):
    gray = np.dstack([IMAGE] * 3)
    colour = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "SOPClassUID": SecondaryCaptureImageStorage}
    assert np.array_equal(
        read_gray(dicom(IMAGE, PhotometricInterpretation="RGB", PixelData=gray.tobytes(), **colour)), IMAGE
    )
    luminance = np.dstack([IMAGE, np.full_like(IMAGE, 128), np.full_like(IMAGE, 128)])  # PS3.3 C.7.6.3.1.2: no colour
    path = dicom(IMAGE, PhotometricInterpretation="YBR_FULL", PixelData=luminance.tobytes(), **colour)
    assert np.array_equal(read_gray(path), IMAGE)


def test_a_header_tells_patient_age_sex_and_view(dicom):
    path = dicom(
        np.zeros((8, 8), dtype=np.uint8),
        PatientID=" 77 ",
        StudyInstanceUID="1.2.4",
        PatientAge="018M",
        PatientSex="F",
        ViewPosition="AP",
    )
    header = read_header(path)
    assert (header.patient_id, header.study_id, header.age, header.sex, header.view) == ("77", "1.2.4", 1.5, "F", "AP")
    bare = read_header(dicom(np.zeros((8, 8), dtype=np.uint8), PatientSex="O", PatientAge=""))
    assert bare == DicomHeader(rows=8, columns=8)


def test_untidy_headers_warn_nobody_in_any_number_of_threads(dicom, caplog):
    path = dicom(np.zeros((8, 8), dtype=np.uint8), PatientID="x" * 8)
    # A patient id of 100 characters is against the standard (LO has at most 64), and a file may hold it all the same.
    content = path.read_bytes().replace(b"LO\x08\x00" + b"x" * 8, b"LO\x64\x00" + b"x" * 100)
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="exceeds the maximum length"):
        str(pydicom.dcmread(BytesIO(content)).PatientID)
    filters = list(warnings.filters)
    failures = []

    def read():
        try:
            for _ in range(20):
                assert read_gray(path).shape == (8, 8)
                assert len(read_header(path).patient_id) == 100
        except (Warning, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert warnings.filters == filters
    assert not [record for record in caplog.records if record.threadName != "MainThread"]


@pytest.mark.shared_data
def test_the_same_pixels_called_monochrome1_are_the_negative(shared_data):
    folder = shared_data / "cxr_formats" / "torchxrayvision_tests"
    image = read_gray(folder / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    assert np.array_equal(read_gray(folder / "Fake_MONOHR1.dcm"), 255 - image)
    header = read_header(folder / "Fake_MONOHR1.dcm")
    assert (header.age, header.sex, header.view, header.pixel_spacing) == (62, "M", "PA", (0.168, 0.168))
    assert header.remarks == (Remark.SECONDARY_CAPTURE,)


def test_gray_of_three_samples_is_refused_by_name(dicom):
    colours = np.dstack([IMAGE, IMAGE + 1, IMAGE + 2]).tobytes()
    with pytest.raises(UnreadableImage, match=r"SamplesPerPixel \(0028,0002\) is 3, but MONOCHROME2 has one"):
        read_gray(dicom(IMAGE, SamplesPerPixel=3, PlanarConfiguration=0, PixelData=colours))


def test_a_directory_of_a_medium_is_named(dicom):
    path = dicom(IMAGE, SOPClassUID=pydicom.uid.MediaStorageDirectoryStorage, Rows=None, Columns=None)
    with pytest.raises(UnreadableImage, match=r"Media Storage Directory.*, not a CR or DX radiograph"):
        read_header(path)
