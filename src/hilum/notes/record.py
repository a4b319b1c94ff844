"""Notes as records; their texts are made when they are printed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hilum.notes.codes import Code
from hilum.notes.meanings import MEANINGS

EXAMPLES = "examples"
"""Parameter with ids of patients or images, or names of files; shown in parentheses, and never necessary."""

SEPARATOR = "; "
"""Separator in the column `note`; texts of notes on estimates do not contain it."""

EXCLUDING_CODES = frozenset({Code.NO_CASES, Code.ONE_PATIENT, Code.TOO_FEW_PATIENTS, Code.POWER_TOO_FEW_PATIENTS})
"""Codes of findings that are excluded from means and tests."""


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        code: Code, for decisions.
        parameters: Names and values in the text, sorted by name.
        subject: Data set, table or finding that the note is about, where several are described; may be empty.

    Example:
        >>> from hilum.notes import Code, note
        >>> str(note(Code.TOO_FEW_PATIENTS, patients=4, side="positive", min_positive_patients=10))
        'excluded from macro: 4 positive patients (fewer than 10)'
        >>> str(note(Code.UNLISTED_FILES, images=3, table="labels.csv").about("ours"))
        'ours: 3 image files have no row in labels.csv and were excluded'
    """

    code: Code
    parameters: tuple[tuple[str, object], ...] = ()
    subject: str = ""

    def __str__(self) -> str:
        given = dict(self.parameters)
        examples = given.get(EXAMPLES)
        text = MEANINGS[self.code].text.format(**{**given, EXAMPLES: f" ({examples})" if examples else ""})
        return f"{self.subject}: {text}" if self.subject else text

    def about(self, subject: str) -> "Note":
        """Return the note with a subject, which is printed before the text."""
        return replace(self, subject=subject)

    def as_data(self) -> dict[str, object]:
        """Return the note as JSON data: `code`, `parameters`, `subject` if any, and `text` for readers."""
        subject = {"subject": self.subject} if self.subject else {}
        return {"code": str(self.code), "parameters": dict(self.parameters), **subject, "text": str(self)}

    def without_examples(self) -> "Note":
        """Return the note without examples, which may be ids of the data set."""
        return replace(self, parameters=tuple(each for each in self.parameters if each[0] != EXAMPLES))


def note(code: Code, **parameters: object) -> Note:
    """Make a note.

    Raises:
        KeyError: A parameter of the text is missing.
    """
    made = Note(code, tuple(sorted(parameters.items())))
    str(made)
    return made


def notes_as_data(notes: Iterable[Note]) -> list[dict[str, object]]:
    """Return notes as JSON data, for files and `--json`; see `read_notes`."""
    return [each.as_data() for each in notes]


def read_notes(data: Iterable[Mapping[str, Any] | str | Note]) -> list[Note]:
    """Read notes of `notes_as_data`.

    Notes of other versions (plain text of earlier ones, codes of later ones) get the code `uncoded` and keep their
    text.
    """
    if isinstance(data, str) or not isinstance(data, Iterable):
        raise ValueError(f"expected a list of notes; found {data!r:.80}")
    return [each if isinstance(each, Note) else _read_note(each) for each in data]


def _read_note(data: Mapping[str, Any] | str) -> Note:
    if isinstance(data, str):
        return note(Code.UNCODED, text=data)
    try:
        return note(Code(data["code"]), **data["parameters"]).about(data.get("subject", ""))
    except (KeyError, ValueError, TypeError, AttributeError):
        return note(Code.UNCODED, text=data.get("text", "") if isinstance(data, Mapping) else str(data))


def join_texts(notes: Iterable[Note]) -> str:
    """Join notes to the text of the column `note`."""
    return SEPARATOR.join(map(str, notes))


def codes_of(notes: Iterable[Note]) -> str:
    """Join codes with blanks to the text of the column `codes`."""
    return " ".join(each.code for each in notes)


def note_columns(notes: Sequence[Note]) -> dict[str, object]:
    """Return the cells `note` and `codes` of a row."""
    return {"note": join_texts(notes), "codes": codes_of(notes)}


def read_codes(cell: str | None) -> list[Code]:
    """Read the codes of a cell of the column `codes`; unknown codes of later versions are ignored."""
    known = set(Code)
    return [Code(each) for each in (cell or "").split() if each in known]


def texts_of(note_cell: str | None, codes_cell: str | None) -> list[tuple[Code, str]]:
    """Return codes and texts of a row of a table; empty where its cells do not match."""
    texts, codes = (note_cell or "").split(SEPARATOR), (codes_cell or "").split()
    if len(texts) != len(codes):
        return []
    known = set(Code)
    return [(Code(code), text) for code, text in zip(codes, texts, strict=True) if code in known]
