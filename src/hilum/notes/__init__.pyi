from .codes import (
    Code as Code,
    Meaning as Meaning,
)
from .meanings import (
    MEANINGS as MEANINGS,
    reference as reference,
)
from .record import (
    EXAMPLES as EXAMPLES,
    EXCLUDING_CODES as EXCLUDING_CODES,
    SEPARATOR as SEPARATOR,
    Note as Note,
    codes_of as codes_of,
    join_texts as join_texts,
    note as note,
    note_columns as note_columns,
    notes_as_data as notes_as_data,
    read_codes as read_codes,
    read_notes as read_notes,
    texts_of as texts_of,
)

__all__ = [
    "EXAMPLES",
    "EXCLUDING_CODES",
    "MEANINGS",
    "SEPARATOR",
    "Code",
    "Meaning",
    "Note",
    "codes_of",
    "join_texts",
    "note",
    "note_columns",
    "notes_as_data",
    "read_codes",
    "read_notes",
    "reference",
    "texts_of",
]
