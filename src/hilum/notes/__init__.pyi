from .codes import (
    Code as Code,
)
from .codes import (
    Meaning as Meaning,
)
from .meanings import (
    MEANINGS as MEANINGS,
)
from .meanings import (
    reference as reference,
)
from .record import (
    EXAMPLES as EXAMPLES,
)
from .record import (
    EXCLUDING_CODES as EXCLUDING_CODES,
)
from .record import (
    SEPARATOR as SEPARATOR,
)
from .record import (
    Note as Note,
)
from .record import (
    codes_of as codes_of,
)
from .record import (
    join_texts as join_texts,
)
from .record import (
    note as note,
)
from .record import (
    note_columns as note_columns,
)
from .record import (
    notes_as_data as notes_as_data,
)
from .record import (
    read_codes as read_codes,
)
from .record import (
    read_notes as read_notes,
)
from .record import (
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
