"""Names that several objects of one result share: who made it, its ids, and the private coding scheme."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

from hilum.prediction.loading import PackagedClassifier

MANUFACTURER = "Hilum"
PRIVATE = "99HILUM"
"""Designator of codes for what has none in SNOMED CT, RadLex or DICOM."""


def tracking_of(model: PackagedClassifier, source: Dataset, finding: str) -> UID:
    """What joins the number in a report and the boxes in a presentation state: one id a model, image and finding.

    Args:
        model: whose weights count.
        source: the image.
        finding: canonical name.
    """
    weights = [card.sha256 or card.encoder for card in model.cards]
    return generate_uid(entropy_srcs=[finding, *weights, str(source.SOPInstanceUID)])


def declare_private_scheme(content: Dataset) -> None:
    """Say who is behind the private coding scheme (PS3.3 C.12.1.1.14), as an object that uses it should."""
    scheme = Dataset()
    scheme.CodingSchemeDesignator = PRIVATE
    scheme.CodingSchemeName = "Findings of Hilum that no terminology has a code for"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    content.CodingSchemeIdentificationSequence = Sequence([scheme])
