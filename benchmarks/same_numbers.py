"""Compare the tables of two runs of a study bit for bit: `same_numbers.py BEFORE AFTER`.

Every Parquet table of both directories is compared by column, under the current column names. Text columns are listed
separately, since a text may change without a number. Tables and columns of one side only are listed; columns of times
are omitted.
"""

import sys
from pathlib import Path

import polars as pl

from hilum.data.tables.parquet import read_result_table

TIMES = {"seconds", "images_per_second", "data_wait_fraction", "probe_seconds"}


def main(before: Path, after: Path) -> int:
    """Print what differs, and return how many tables do."""
    tables = [{path.relative_to(root) for path in root.rglob("*.parquet")} for root in (before, after)]
    different = 0
    for path in sorted(tables[0] ^ tables[1]):
        print(f"only {'before' if path in tables[0] else 'after'}: {path}")
    for path in sorted(tables[0] & tables[1]):
        old, new = read_result_table(before / path), read_result_table(after / path)
        shared = [name for name in old.columns if name in new.columns and name not in TIMES]
        if more := sorted(set(old.columns) ^ set(new.columns)):
            print(f"{path}: columns of one side alone: {', '.join(more)}")
        unequal = [name for name in shared if not old[name].equals(new[name], null_equal=True)]
        texts = [name for name in unequal if new[name].dtype in (pl.String, pl.List(pl.String))]
        if texts:
            print(f"{path}: texts of {', '.join(texts)} differ")
        if unequal != texts:
            different += 1
            print(f"{path}: {', '.join(name for name in unequal if name not in texts)} differ")
    print(f"{len(tables[0] & tables[1])} tables compared, numbers of {different} differ")
    return different


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])) > 0)
