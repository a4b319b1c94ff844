import re

import pytest
from pydicom.sr._concepts_dict import concepts

from hilum.findings import VOCABULARY
from hilum.findings.terms import SCHEMES, terms_of

EVERY = [(finding, term) for finding in VOCABULARY for term in terms_of(finding)]
_TIMES = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 0, 6, 7, 8, 9, 5], [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7], [4, 0, 1, 2, 3, 9, 5, 6, 7, 8], [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2], [7, 6, 5, 9, 8, 2, 1, 0, 4, 3], [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
]  # fmt: skip
_PERMUTED = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


def verhoeff(digits: str) -> int:
    """0 for a number with the right check digit (Verhoeff 1969; SNOMED CT Release File Specification, 6.3)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = _PERMUTED[value]
        total = _TIMES[total][value]
    return total


def test_a_wrong_digit_is_found():
    assert verhoeff("236") == 0  # the example of Verhoeff's scheme
    assert verhoeff("60046008") == 0
    assert verhoeff("60046009") != 0
    assert verhoeff("60064008") != 0


@pytest.mark.parametrize(("finding", "term"), EVERY, ids=[f"{finding}-{term.code}" for finding, term in EVERY])
def test_codes_are_of_the_form_of_their_scheme_and_mean_what_dicom_says(finding, term):
    assert term.scheme in SCHEMES
    if term.scheme == "SCT":
        assert term.code[-3:-1] == "00", "a concept of the International Edition has partition 00"
        assert verhoeff(term.code) == 0
    if term.scheme == "RADLEX":
        assert re.fullmatch(r"RID[1-9]\d*", term.code)
    # PS3.16, as pydicom has it
    named = {code: meaning for words in concepts[term.scheme].values() for code, (meaning, _) in words.items()}
    assert named.get(term.code, term.meaning) == term.meaning


def test_those_that_dicom_knows_are_among_them():
    known = {code for words in concepts["SCT"].values() for code in words}
    found = {finding for finding, term in EVERY if term.scheme == "SCT" and term.code in known}
    assert {"Pleural Effusion", "Pneumothorax", "Edema", "Air Trapping"} <= found


def test_a_code_is_of_one_finding():
    codes = [(term.scheme, term.code) for _, term in EVERY]
    assert len(codes) == len(set(codes))
    assert terms_of("Hernia") == []
