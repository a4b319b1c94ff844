from .ages import years as years
from .column_names import (
    COLUMN_NAMES as COLUMN_NAMES,
    UNKNOWN_WORDS as UNKNOWN_WORDS,
    columns_called as columns_called,
    known_column as known_column,
    likeness as likeness,
    split_word as split_word,
)
from .column_types import (
    as_numbers as as_numbers,
    as_text as as_text,
    type_name as type_name,
)
from .native_files import (
    MAX_CELL as MAX_CELL,
    csv_rows as csv_rows,
    escapes_root as escapes_root,
    find_table as find_table,
    quoted as quoted,
    read_csv_text as read_csv_text,
    read_lines as read_lines,
    read_table as read_table,
    read_text as read_text,
    refuse_lines as refuse_lines,
    refuse_long_cells as refuse_long_cells,
    refuse_missing_unless as refuse_missing_unless,
    some as some,
    text_columns as text_columns,
)
from .parquet import (
    is_parquet as is_parquet,
    read_parquet as read_parquet,
    read_result_table as read_result_table,
)
