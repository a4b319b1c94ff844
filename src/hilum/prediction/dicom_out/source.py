"""Header of a source image: the elements that derived objects of its study repeat."""

from pathlib import Path

import pydicom
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from hilum.data.images import without_decoder_warnings

_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_REPEATED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Elements that every object of a study has, possibly empty (type 2 in PS3.3 C.7.1.1 and C.7.2.1)."""
_FURTHER = ("SpecificCharacterSet", "FrameOfReferenceUID", "IssuerOfPatientID", "PatientOrientation")


class NoStudy(Exception):  # noqa: N818 - no error: the image is still scored
    """Image without a DICOM study: not a DICOM file, or one without the ids of its study."""


def read_source(path: Path) -> Dataset:
    """Read the elements of an image's header that results repeat.

    Args:
        path: Path of the image.

    Returns:
        Ids of patient, study, series, instance and frame of reference, and the descriptions of patient and study that
        every object of a study has; absent ones are empty.

    Raises:
        NoStudy: Not a DICOM file, or one without ids of class, instance, study or series.
    """
    wanted = [*_IDENTITY, *_REPEATED, *_FURTHER]
    try:
        with without_decoder_warnings():
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=wanted, force=True)
            values = {keyword: header.get(keyword) for keyword in wanted}
    # parsers may raise any error on malformed files
    except Exception as error:
        raise NoStudy from error
    if not all(values[keyword] for keyword in _IDENTITY):
        raise NoStudy
    source = Dataset()
    for keyword in (*_IDENTITY, *_REPEATED):
        value = values[keyword]
        source.add(DataElement(keyword, dictionary_VR(keyword), "" if value is None else value, validation_mode=IGNORE))
    for keyword in _FURTHER:
        if values[keyword]:
            source.add(DataElement(keyword, dictionary_VR(keyword), values[keyword], validation_mode=IGNORE))
    return source
