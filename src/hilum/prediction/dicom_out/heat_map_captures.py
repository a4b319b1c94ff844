"""Heat maps as DICOM Secondary Capture images: the preprocessed image with the map overlaid in colour."""

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from hilum import __version__
from hilum.explanation.localisation import overlaid
from hilum.prediction.description import FindingDescription
from hilum.prediction.dicom_out.identity import MANUFACTURER
from hilum.prediction.loading import PackagedClassifier


def capture_of(
    model: PackagedClassifier,
    source: Dataset,
    described: FindingDescription,
    pixels: NDArray[np.uint8],
    heat: NDArray[np.floating],
    series: str,
    *,
    number: int,
    instance: int,
) -> hd.sc.SCImage:
    """Create the Secondary Capture of the heat map of a finding.

    Args:
        model: Model of the heat map.
        source: Header of `read_source`.
        described: Finding.
        pixels: Preprocessed image (S, S).
        heat: Heat map (S, S), 0 to 1.
        series: UID of the series of captures.
        number: Number of the series in the study.
        instance: Number of the capture in the series, from 1.
    """
    capture = hd.sc.SCImage(
        pixel_array=np.ascontiguousarray(overlaid(pixels, heat)[..., ::-1]),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        study_instance_uid=str(source.StudyInstanceUID),
        series_instance_uid=series,
        series_number=number,
        sop_instance_uid=hd.UID(),
        instance_number=instance,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model.cards[0].encoder,
        software_versions=__version__,
        series_description="Hilum: heat maps",
    )
    # copied unchanged: values in real files do not always conform to the standard
    capture.copy_patient_and_study_information(source)
    for keyword in ("SpecificCharacterSet", "FrameOfReferenceUID"):
        if keyword in source:
            capture.add(source[keyword])
    capture.BodyPartExamined = "CHEST"
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.DerivationDescription = f"Heat map: {described.name}"
    reference, purpose = Dataset(), Dataset()
    reference.ReferencedSOPClassUID = source.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.SOPInstanceUID
    purpose.CodeValue, purpose.CodingSchemeDesignator = "121322", "DCM"
    purpose.CodeMeaning = "Source image for image processing operation"
    reference.PurposeOfReferenceCodeSequence = Sequence([purpose])
    capture.SourceImageSequence = Sequence([reference])
    return capture
