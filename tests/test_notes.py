"""Notes are records: every code has a text, a meaning and advice, and nothing decides on a sentence."""

import json
import re
import string
from pathlib import Path

import pytest

from hilum.notes import (
    EXAMPLES,
    EXCLUDING_CODES,
    MEANINGS,
    Code,
    codes_of,
    join_texts,
    note,
    note_columns,
    notes_as_data,
    read_codes,
    read_notes,
    texts_of,
)

SOURCES = sorted((Path(__file__).resolve().parents[1] / "src" / "hilum").rglob("*.py"))
ON_A_SENTENCE = re.compile(
    r"""["'] (?:not )?in (?:str\()?(?:a_)?(?:note|reason|sentence)s?\b|split\("; "\)"""
    r"""|\b(?:note|reason|sentence)\.(?:startswith|endswith|partition|split)\("""
)
"""A quoted text that is looked for in a sentence, or a sentence taken apart."""


def test_every_code_is_explained():
    assert set(MEANINGS) == set(Code)
    for each in MEANINGS.values():
        assert each.text
        assert each.meaning.endswith(".")
        assert each.advice.endswith(".")


@pytest.mark.parametrize("code", Code)
def test_a_note_needs_all_parameters_of_its_text(code):
    names = {name for _, name, _, _ in string.Formatter().parse(MEANINGS[code].text) if name} - {EXAMPLES}
    parameters = dict.fromkeys(names, 7)
    made = note(code, **parameters)
    assert "{" not in str(made)
    if names:
        with pytest.raises(KeyError):
            note(code)


def test_columns_hold_the_text_for_readers_and_the_codes_for_programs():
    notes = [note(Code.NO_CASES, side="positive"), note(Code.OPTIMISTIC_THRESHOLD)]
    cells = note_columns(notes)
    assert cells == {"note": join_texts(notes), "codes": codes_of(notes)}
    assert cells["note"].startswith("no positives: excluded; optimistic")
    assert read_codes(cells["codes"]) == [Code.NO_CASES, Code.OPTIMISTIC_THRESHOLD]
    assert read_codes("no_cases a_code_of_a_later_version") == [Code.NO_CASES]
    assert texts_of(cells["note"], cells["codes"]) == [(each.code, str(each)) for each in notes]
    assert texts_of("a note of an earlier version", "") == texts_of(None, None) == []
    assert read_codes(None) == read_codes("") == []
    assert EXCLUDING_CODES.isdisjoint(read_codes(codes_of([note(Code.ONE_SEED)])))


def test_equal_notes_are_one():
    first, second = (note(Code.ROWS_OF_SPLIT, used=3, split="test", left=1, others="val") for _ in range(2))
    assert len({first, second}) == 1


def test_examples_are_shown_in_parentheses_and_can_be_left_out():
    shown = note(Code.ROWS_WITHOUT_FILE, rows=2, table="t.csv", examples="p1, p2").about("ours")
    assert str(shown) == "ours: 2 rows of t.csv have no file; allowed (p1, p2)"
    assert str(shown.without_examples()) == "ours: 2 rows of t.csv have no file; allowed"
    assert "p1" not in json.dumps(notes_as_data([shown.without_examples()]))


def test_notes_are_read_as_they_were_written():
    written = [
        note(Code.LOSS_AT_CHANCE, loss=1.5, chance=1.6, advice="Train longer."),
        note(Code.NO_CLASSES).about("a"),
    ]
    assert read_notes(json.loads(json.dumps(notes_as_data(written)))) == written
    assert read_notes(written) == written


def test_notes_of_other_versions_keep_their_texts():
    later = {"code": "a_code_of_a_later_version", "parameters": {}, "text": "something new"}
    other = {"code": "missing_allowed", "parameters": {"count": 3}, "text": "3 missing"}
    found = read_notes(["plain text {of} an earlier version", later, other])
    assert [each.code for each in found] == [Code.UNCODED] * 3
    assert list(map(str, found)) == ["plain text {of} an earlier version", "something new", "3 missing"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_decides_on_a_sentence(path):
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if ON_A_SENTENCE.search(line)]
    assert not found
