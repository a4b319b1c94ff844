import unicodedata

import pytest
from hypothesis import given, strategies as st

from hilum.data.patients import (
    canonical_patient_id,
    is_placeholder_id,
    patient_names,
    pseudonym,
    spellings,
    without_zeros,
)

SCRIPTS = [  # the digit zero of several scripts; nine others follow it
    "0",
    "\N{FULLWIDTH DIGIT ZERO}",
    "\N{ARABIC-INDIC DIGIT ZERO}",
    "\N{EXTENDED ARABIC-INDIC DIGIT ZERO}",
    "\N{DEVANAGARI DIGIT ZERO}",
    "\N{MATHEMATICAL BOLD DIGIT ZERO}",
]
BLANKS = ["", " ", "\t", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\r\n", "\N{ZERO WIDTH SPACE}", "\ufeff", "\0"]
DASHES = ["-", "\N{EN DASH}", "\N{NON-BREAKING HYPHEN}", "\N{MINUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}"]


def wide(text: str) -> str:
    """Letters and signs in their full-width forms."""
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


@st.composite
def spelt(draw, patient: str) -> str:
    """Any way in which a table may write a patient's id."""
    zero = draw(st.sampled_from(SCRIPTS))
    text = "".join(chr(ord(zero) + int(each)) if each.isdigit() else each for each in patient)
    text = draw(st.sampled_from([str, str.upper, str.capitalize, wide]))(text)
    text = text.replace("-", draw(st.sampled_from(DASHES)))
    if patient.isdigit():
        text = zero * draw(st.integers(0, 8)) + text + draw(st.sampled_from(["", ".", ".0", ".000"]))
    else:
        text = draw(st.sampled_from(["", "'"])) + text
    around = "".join(draw(st.lists(st.sampled_from(BLANKS), max_size=3)))
    behind = "".join(draw(st.lists(st.sampled_from(BLANKS), max_size=3)))
    return draw(st.sampled_from(["{}{}{}", '"{}{}{}"', '="{}{}{}"'])).format(around, text, behind)


@st.composite
def spelt_twice(draw) -> tuple[str, str, str]:
    letters = draw(st.sampled_from(["", "p", "case-", "aß", "ward b-"]))
    patient = f"{letters}{draw(st.integers(1, 10**12))}"
    return patient, draw(spelt(patient)), draw(spelt(patient))


@given(spelt_twice())
def test_a_patient_is_one_however_the_id_is_written(written):
    patient, one, other = written
    assert canonical_patient_id(one) == canonical_patient_id(other) == patient.casefold()
    assert patient_names([one], "ours") == patient_names([other], "ours")
    assert pseudonym(one, b"sixteen bytes or more") == pseudonym(other, b"sixteen bytes or more")
    assert list(spellings([one, other])) == [patient.casefold()]


@given(st.text())
def test_the_canonical_form_is_its_own(text):
    canonical = canonical_patient_id(text)
    assert canonical_patient_id(canonical) == canonical
    assert canonical_patient_id(without_zeros(text)) == canonical
    assert canonical_patient_id(unicodedata.normalize("NFD", text)) == canonical_patient_id(
        unicodedata.normalize("NFC", text)
    )


@given(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
def test_ids_that_differ_in_a_letter_or_digit_are_two(one, other):
    numbers = one.isdecimal() and other.isdecimal() and int(one) == int(other)
    assert (canonical_patient_id(one) == canonical_patient_id(other)) == (one == other or numbers)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "",
            " ",
            "-",
            "--",
            "?",
            "...",
            "n/a",
            "N/A",
            "#N/A",
            "NaN",
            "null",
            "None",
            "unknown",
            "UNKNOWN ",
            "<unknown>",
        ),
        *("Anonymous", "ANONYMIZED", "Anonymised Patient", "not available", "de-identified", "XXX", "xxxxxxxx", "\0"),
    ],
)
def test_a_word_for_nobody_is_no_patient(word):
    assert is_placeholder_id(word)
    assert spellings([word, "p1"]) == {"": [word], "p1": ["p1"]}


@pytest.mark.parametrize("patient", ["1", "p1", "NA12", "x", "x1", "anon-17", "unknown3", "ä", "東京", "test"])
def test_an_id_with_a_letter_or_a_number_of_its_own_is_a_patient(patient):
    assert not is_placeholder_id(patient)


@pytest.mark.parametrize(
    ("others", "patient"),
    [
        (["1", "2"], True),  # numbered from zero
        (["00000013"], True),
        (["4581232", "9812744"], False),
        (["p1", "p2"], False),
        ([], False),
    ],
)
def test_zeros_are_a_patient_only_where_patients_are_numbered_from_zero(others, patient):
    found = spellings(["00000000", "0", *others])
    assert found.get("0") == (["0", "00000000"] if patient else None)
    assert found.get("") == (None if patient else ["0", "00000000"])
