"""Identifiers shared by the objects of one result: manufacturer, tracking UID, and private coding scheme."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

from hilum.prediction.loading import PackagedClassifier

MANUFACTURER = "Hilum"
PRIVATE = "99HILUM"
"""Designator of the coding scheme for findings without a code in SNOMED CT, RadLex or DICOM."""


def tracking_of(model: PackagedClassifier, source: Dataset, finding: str) -> UID:
    """Return the UID that links a measurement in a report with boxes in a presentation state.

    There is one UID per model (by its weights), image and finding.

    Args:
        model: Model.
        source: Header of the image.
        finding: Canonical name.
    """
    weights = [card.sha256 or card.encoder for card in model.cards]
    return generate_uid(entropy_srcs=[finding, *weights, str(source.SOPInstanceUID)])


def declare_private_scheme(content: Dataset) -> None:
    """Add the identification of the private coding scheme (PS3.3 C.12.1.1.14) to an object that uses it."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE
    scheme.CodingSchemeName = "Findings of Hilum that no terminology has a code for"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    content.CodingSchemeIdentificationSequence = Sequence([scheme])
