import cv2
import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEG2000, ComputedRadiographyImageStorage, JPEGBaseline8Bit

from hilum.data.dicom import read_header
from hilum.data.pixels import read_gray
from hilum.phantom.dicom_writing import LOSSLESS, PLAIN, Encoding, write_dicom

EIGHT = Encoding(PLAIN, 8)


def image(bits, rows=33, columns=41):
    """Smooth, of odd size, from 0 to the highest value."""
    noise = np.random.default_rng(bits).random((5, 6))
    smooth = cv2.normalize(
        cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_CUBIC), None, 0, 1, cv2.NORM_MINMAX
    )
    return np.rint(smooth * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def written(path, pixels, encoding, name="a", **header):
    kind = ComputedRadiographyImageStorage
    write_dicom(path, pixels, encoding, kind=kind, name=name, header={"Modality": "CR", **header})
    return path


@pytest.mark.parametrize("encoding", [*LOSSLESS, EIGHT], ids=lambda e: f"{e.syntax.keyword}-{e.bits}-{e.inverted}")
def test_what_is_written_without_loss_is_read_back_to_the_last_bit(tmp_path, encoding):
    pixels = image(encoding.bits)
    path = written(tmp_path / "a.dcm", pixels, encoding)
    slope = encoding.rescale[0] if encoding.rescale else 1
    assert np.array_equal(read_gray(path), pixels * int(slope))
    file = pydicom.dcmread(path)
    assert file.file_meta.TransferSyntaxUID == encoding.syntax
    assert file.BitsStored == encoding.bits
    assert file.PhotometricInterpretation == ("MONOCHROME1" if encoding.inverted else "MONOCHROME2")
    assert ("WindowCenter" in file) == (encoding.window is not None)


def test_the_lossless_encodings_hold_what_archives_hold():
    assert {encoding.bits for encoding in LOSSLESS} == {10, 12, 14, 16}
    assert {encoding.inverted for encoding in LOSSLESS} == {True, False}
    assert {encoding.syntax.keyword for encoding in LOSSLESS} == {
        "ExplicitVRLittleEndian", "ImplicitVRLittleEndian", "JPEG2000Lossless", "JPEGLosslessSV1", "RLELossless",
    }  # fmt: skip
    assert any(encoding.rescale and encoding.rescale[0] != 1 for encoding in LOSSLESS)
    assert any(encoding.window for encoding in LOSSLESS)


def test_jpeg_baseline_loses_little(tmp_path):
    pixels = image(8)
    path = written(tmp_path / "a.dcm", pixels, Encoding(JPEGBaseline8Bit, 8))
    assert np.abs(read_gray(path).astype(int) - pixels).max() <= 8
    assert pydicom.dcmread(path).LossyImageCompression == "01"


def test_the_header_says_what_was_asked_for(tmp_path):
    about = {"PatientID": "p1", "PatientSex": "F", "PatientAge": "51", "ViewPosition": "PA"}
    header = read_header(written(tmp_path / "a.dcm", image(8), EIGHT, **about))
    assert (header.patient_id, header.sex, header.age, header.view) == ("p1", "F", 51.0, "PA")
    assert (header.rows, header.columns) == (33, 41)


@pytest.mark.parametrize("encoding", [EIGHT, LOSSLESS[0]])
def test_files_are_a_function_of_pixels_and_name(tmp_path, encoding):
    one, same, other = (
        written(tmp_path / f"{number}.dcm", image(encoding.bits), encoding, name=name).read_bytes()
        for number, name in enumerate(("a", "a", "b"))
    )
    assert one == same != other


def test_pixels_that_gdcm_cannot_write_are_no_half_image(tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.phantom.dicom_writing._BY_GDCM", {JPEG2000: "TS_END"})
    with pytest.raises(OSError, match="GDCM cannot write these pixels as TS_END"):
        written(tmp_path / "a.dcm", image(12), Encoding(JPEG2000, 12))
