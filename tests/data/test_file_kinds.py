from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image, features

from hilum.data.dicom import read_header
from hilum.data.file_kinds import DECODED, START, FileKind, kind_of_bytes
from hilum.data.images import Remark
from hilum.data.images.gray import UnreadableImage
from hilum.data.pixels import kind_of, read_gray, read_image

GRAY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize(
    ("encoder", "kind"),
    [
        ("PNG", FileKind.PNG),
        ("JPEG", FileKind.JPEG),
        ("TIFF", FileKind.TIFF),
        ("BMP", FileKind.BMP),
        ("GIF", FileKind.GIF),
        ("WEBP", FileKind.WEBP),
        ("JPEG2000", FileKind.JPEG_2000),
        ("AVIF", FileKind.HEIF),
    ],
)
def test_every_kind_is_reported_by_its_first_bytes_and_those_not_read_are_named(tmp_path, encoder, kind):
    if encoder == "AVIF" and not features.check("avif"):
        pytest.skip("Pillow has no AVIF encoder here")
    path = tmp_path / "1.2.840.113619.2"
    Image.fromarray(GRAY).save(path, format=encoder)
    assert kind_of_bytes(path.read_bytes()[:START]) is kind
    if kind in DECODED:
        assert kind_of(path) is kind
        return
    with pytest.raises(UnreadableImage) as caught:
        read_gray(path)
    assert caught.value.reason == f"a {kind.label} file, which Hilum does not read"


def test_a_dicom_file_is_one_whatever_its_preamble_holds(dicom):
    content = dicom(GRAY).read_bytes()
    assert kind_of_bytes(b"II*\0" + bytes(124) + content[128:START]) is FileKind.DICOM


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"BM is how this text begins", b"\x08\0\0\0\xff\xff\xff\xff", bytes(200)]
)
def test_what_begins_as_no_kind_is_none(content):
    assert kind_of_bytes(content) is None


def without_preamble(path, *, implicit: bool, meta: bool) -> bytes:
    dataset = pydicom.dcmread(path)
    stream = BytesIO()
    if meta:
        pydicom.filewriter.write_file_meta_info(stream, dataset.file_meta)
    del dataset.file_meta
    bare = pydicom.Dataset({element.tag: element for element in dataset})
    pydicom.dcmwrite(stream, bare, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    return stream.getvalue()


@pytest.mark.parametrize(("implicit", "meta"), [(True, False), (False, False), (False, True)])
def test_a_dicom_file_without_preamble_is_read_and_stated(dicom, implicit, meta):
    path = dicom(GRAY, PatientID="p1")
    path.write_bytes(without_preamble(path, implicit=implicit, meta=meta))
    image = read_image(path)
    assert np.array_equal(image.pixels, GRAY)
    assert image.remarks == (Remark.NO_PREAMBLE,)
    header = read_header(path)
    assert (header.patient_id, header.remarks) == ("p1", (Remark.NO_PREAMBLE,))
