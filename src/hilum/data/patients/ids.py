"""How a patient id is written: one spelling for one patient, by which ids are compared, hashed and counted."""

import re

_NUMBER = re.compile(r"0*([0-9]+)(?:\.0*)?")


def canonical_patient_id(patient_id: str) -> str:
    """The one spelling of a patient id, by which ids are compared everywhere.

    Tables lose and gain zeros on their way through spreadsheets and data frames. Blanks around an id do not count, and
    of an id of digits neither leading zeros nor a decimal part of zeros: "00000013", " 13" and "13.0" are "13". Other
    ids stay as they are ("p007", "patient00001"). Of a full name, `<issuer>:<number>`, this holds for the number.

    Args:
        patient_id: as a table or a header writes it.
    """
    issuer, colon, number = patient_id.strip().rpartition(":")
    digits = _NUMBER.fullmatch(number.strip())
    return f"{issuer}{colon}{digits[1] if digits else number.strip()}"
