import threading
import warnings
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

from hilum.data.dicom import read_header
from hilum.data.pixels import UnreadableImage, read_gray


@pytest.fixture
def dicom(tmp_path):
    """Writes a DICOM file of an array; keywords set or overrule its header."""

    def write(pixels, **header):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = header.pop("TransferSyntaxUID", ExplicitVRLittleEndian)
        meta.MediaStorageSOPClassUID = meta.MediaStorageSOPInstanceUID = "1.2.3"
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        dataset.Rows, dataset.Columns = pixels.shape[-2:]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        dataset.PixelData = pixels.tobytes()
        for keyword, value in header.items():
            setattr(dataset, keyword, value)
        path = tmp_path / "a.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def test_stored_values_of_a_12_bit_detector_are_kept(dicom):
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11))
    assert film.dtype == np.uint16
    assert np.array_equal(film, RAMP)


def test_monochrome1_is_turned_round_within_the_stored_bits(dicom):
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1"))
    assert np.array_equal(film, 4095 - RAMP)


def test_eight_bits_stay_eight_bits(dicom):
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    film = read_gray(dicom(pixels))
    assert film.dtype == np.uint8
    assert np.array_equal(film, pixels)


def test_signed_values_are_counted_from_the_lowest(dicom):
    film = read_gray(dicom(RAMP.astype(np.int16) - 2048, BitsStored=12, HighBit=11))
    assert np.array_equal(film, RAMP)


def test_a_rescale_with_few_levels_is_stretched(dicom):
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, RescaleSlope="0.001", RescaleIntercept="5"))
    np.testing.assert_allclose(film, RAMP * (65535 / 4095), atol=0.5)


def test_a_negative_slope_turns_the_film_round(dicom):
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, RescaleSlope="-1", RescaleIntercept="4095"))
    assert np.array_equal(film, 4095 - RAMP)


def test_a_window_is_applied_as_the_standard_says(dicom):
    center, width = 2048.0, 1000.0
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, WindowCenter=str(center), WindowWidth=str(width)))
    # DICOM PS3.3 C.11.2.1.2.1, linear function
    expected = ((RAMP - (center - 0.5)) / (width - 1) + 0.5) * 4095
    np.testing.assert_allclose(film, np.clip(expected, 0, 4095), atol=0.5)


def test_a_lookup_table_for_display_is_applied(dicom):
    item = pydicom.Dataset()
    item.LUTDescriptor = [4096, 0, 16]
    item.LUTData = np.sqrt(np.arange(4096) / 4095 * 65535**2).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    film = read_gray(dicom(RAMP, BitsStored=12, HighBit=11, VOILUTSequence=Sequence([item])))
    np.testing.assert_allclose(film, np.sqrt(RAMP / 4095) * 65535, atol=1)


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
    with pytest.raises(UnreadableImage, match="a DICOM picture in PALETTE COLOR"):
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
    assert (bare.patient_id, bare.study_id, bare.age, bare.sex, bare.view) == (None,) * 5


def test_untidy_headers_warn_nobody_in_any_number_of_threads(dicom):
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


@pytest.mark.shared_data
def test_the_same_pixels_called_monochrome1_are_the_negative(shared_data):
    folder = shared_data / "cxr_formats" / "torchxrayvision_tests"
    film = read_gray(folder / "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm")
    assert np.array_equal(read_gray(folder / "Fake_MONOHR1.dcm"), 255 - film)
    assert read_header(folder / "Fake_MONOHR1.dcm").age == 62
