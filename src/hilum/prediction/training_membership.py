"""Check whether a model was trained on the patient of an image: yes, no, or unknown."""

from hilum.data.patients import WITHOUT_ID, is_public
from hilum.encoders.ledger import Ledger
from hilum.prediction.inputs import InputImage


class TrainingMembership:
    """Membership of patients in the training data of a model, looked up once per patient.

    Args:
        ledger: Training patients of the model.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._issuers = ledger.issuers
        self._answers: dict[str, bool | None] = {}

    def of(self, image: InputImage, patient_id: str | None) -> bool | None:
        """Check whether the model was trained on a patient; None if unknown.

        The issuer of an id in a file is unknown, so the id is compared with those of every issuer in the ledger. Equal
        ids in a folder under another name may belong to the same people. For images without patient ids the answer is
        unknown, unless the folder has the same name as in the ledger.

        Args:
            image: The image.
            patient_id: Patient id in its file or table; None if there is none.
        """
        if not len(self._ledger):
            return None
        if image.patient is not None:
            names = [image.patient]
        elif patient_id is not None:
            names = [f"{issuer}:{patient_id}" for issuer in self._issuers]
        else:
            return None
        key = names[0]
        if key not in self._answers:
            exposure = self._ledger.exposure_of(names)
            known = None if exposure.not_known.any() or self._may_be_of_another(names[0]) else False
            self._answers[key] = True if exposure.trained_on.any() else known
        return self._answers[key]

    def _may_be_of_another(self, name: str) -> bool:
        """Check whether a patient of a folder that is not in the ledger may be one of a folder that is."""
        issuer, _, number = name.partition(":")
        if is_public(issuer) or issuer in self._issuers:
            return False
        if number.startswith(WITHOUT_ID):
            return any(not is_public(each) for each in self._issuers)
        return bool(self._ledger.ids_of_other_issuers([name]))
