from .ages import (
    years as years,
)
from .column_names import (
    COLUMN_NAMES as COLUMN_NAMES,
)
from .column_names import (
    UNKNOWN_WORDS as UNKNOWN_WORDS,
)
from .column_names import (
    columns_called as columns_called,
)
from .column_names import (
    known_column as known_column,
)
from .column_names import (
    likeness as likeness,
)
from .column_names import (
    split_word as split_word,
)
from .column_types import (
    as_numbers as as_numbers,
)
from .column_types import (
    as_text as as_text,
)
from .column_types import (
    type_name as type_name,
)
from .native_files import (
    MAX_CELL as MAX_CELL,
)
from .native_files import (
    csv_rows as csv_rows,
)
from .native_files import (
    escapes_root as escapes_root,
)
from .native_files import (
    find_table as find_table,
)
from .native_files import (
    quoted as quoted,
)
from .native_files import (
    read_csv_text as read_csv_text,
)
from .native_files import (
    read_lines as read_lines,
)
from .native_files import (
    read_table as read_table,
)
from .native_files import (
    read_text as read_text,
)
from .native_files import (
    refuse_lines as refuse_lines,
)
from .native_files import (
    refuse_long_cells as refuse_long_cells,
)
from .native_files import (
    refuse_missing_unless as refuse_missing_unless,
)
from .native_files import (
    some as some,
)
from .native_files import (
    text_columns as text_columns,
)
from .parquet import (
    is_parquet as is_parquet,
)
from .parquet import (
    read_parquet as read_parquet,
)
from .parquet import (
    read_result_table as read_result_table,
)
