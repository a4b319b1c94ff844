"""Whether a model has learnt from the patient of an image: yes, no, or not known – which is never "no"."""

from hilum.data.patients import WITHOUT_ID, is_public
from hilum.encoders.ledger import Ledger
from hilum.prediction.inputs import InputImage


class TrainingMembership:
    """Asks a ledger, once for each patient.

    Args:
        ledger: of the model.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._issuers = ledger.issuers
        self._answers: dict[str, bool | None] = {}

    def of(self, image: InputImage, patient_id: str | None) -> bool | None:
        """Whether the model has learnt from a patient; None where that is not known.

        An id out of a file does not say who gave it: it is compared with the ids of every issuer of the ledger. Nor
        does the name that a folder is given here: equal ids of another hospital's folder may be the same people, and
        of images without patient ids nothing is known but where the folder is called as in the ledger.

        Args:
            image: whose patient it is.
            patient_id: as its file or table writes it; None where neither does.
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
        """Whether a patient of a folder that the ledger does not name may be one of a folder that it does."""
        issuer, _, number = name.partition(":")
        if is_public(issuer) or issuer in self._issuers:
            return False
        if number.startswith(WITHOUT_ID):
            return any(not is_public(each) for each in self._issuers)
        return bool(self._ledger.ids_of_other_issuers([name]))
