"""Comprehensive 3D Structured Report by template TID 1500 "Measurement Report" (DICOM PS3.16).

There is one group (TID 1501) per finding: the algorithm (TID 4019) with its threshold, the probability and the
calibrated probability as NUM without unit, and the call as CODE.
"""

from collections.abc import Sequence

import highdicom as hd
import numpy as np
from highdicom import sr
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from hilum import __version__
from hilum.prediction.description import FindingDescription
from hilum.prediction.dicom_out.identity import MANUFACTURER, PRIVATE, declare_private_scheme, tracking_of
from hilum.prediction.loading import PackagedClassifier

PRESENCE = sr.CodedConcept("705057003", "SCT", "Presence")
CALIBRATED = sr.CodedConcept("calibrated", PRIVATE, "Calibrated probability")
_PROCEDURE = sr.CodedConcept("399208008", "SCT", "Plain chest X-ray")
_LONG = 64  # maximum length of LO in characters


def report_of(
    model: PackagedClassifier, source: Dataset, probabilities: NDArray[np.floating], series: str, number: int = 1
) -> sr.Comprehensive3DSR:
    """Create the report of an image.

    Args:
        model: Model that scored the image.
        source: Header of `read_source`.
        probabilities: Probabilities (F,), 0 to 1.
        series: UID of the report's series.
        number: Number of the series in the study.
    """
    calibrated = model.description.calibrated(probabilities[None])[0]
    observer = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=[card.sha256 for card in model.cards]),
            name=model.description.name[:_LONG],
            manufacturer_name=MANUFACTURER,
            model_name=model.cards[0].encoder,
        ),
    )
    groups = [
        _group(model, source, described, float(p), float(c))
        for described, p, c in zip(model.description.findings, probabilities, calibrated, strict=True)
    ]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_PROCEDURE,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    report = sr.Comprehensive3DSR(
        evidence=[source],
        content=content,
        series_instance_uid=series,
        series_number=number,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        series_description="Hilum: probabilities of findings",
        manufacturer_model_name=model.cards[0].encoder,
        software_versions=__version__,
    )
    declare_private_scheme(report)
    return report


def code_of(described: FindingDescription) -> sr.CodedConcept:
    """Return the coded concept of a finding; without a standard code, a private one with its name."""
    if described.codes:
        code = described.codes[0]
        return sr.CodedConcept(code.code, code.scheme, code.meaning[:_LONG])
    return sr.CodedConcept(described.name[:_LONG], PRIVATE, described.name[:_LONG])


def algorithm_of(model: PackagedClassifier, parameters: Sequence[str] = ()) -> sr.AlgorithmIdentification:
    """Describe the algorithm: name, version (hashes of the weights), and parameters."""
    return sr.AlgorithmIdentification(
        name=model.description.name,
        version="+".join(card.sha256[:12] or "unknown" for card in model.cards),
        family=codes.DCM.ArtificialIntelligence,
        parameters=list(parameters) or None,
        manufacturer=MANUFACTURER,
    )


def _group(
    model: PackagedClassifier, source: Dataset, described: FindingDescription, p: float, calibrated: float
) -> sr.MeasurementsAndQualitativeEvaluations:
    measurements = [sr.Measurement(name=codes.DCM.Probability, value=p, unit=codes.UCUM.NoUnits)]
    if np.isfinite(calibrated):
        measurements.append(sr.Measurement(name=CALIBRATED, value=calibrated, unit=codes.UCUM.NoUnits))
    calls, parameters = [], []
    if described.threshold is not None:
        value = codes.SCT.Present if p >= described.threshold else codes.SCT.Absent
        calls.append(sr.QualitativeEvaluation(name=PRESENCE, value=value))
        parameters.append(f"called from {described.threshold!r}, chosen by {model.description.threshold_rule}")
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=hd.UID(tracking_of(model, source, described.name)), identifier=described.name
        ),
        finding_type=code_of(described),
        algorithm_id=algorithm_of(model, parameters),
        measurements=measurements,
        qualitative_evaluations=calls,
        source_images=[sr.SourceImageForMeasurementGroup(str(source.SOPClassUID), str(source.SOPInstanceUID))],
    )
