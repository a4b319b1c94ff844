"""Whether two runs of a study give the same numbers, bit for bit: `same_numbers.py BEFORE AFTER`.

Every Parquet table of both directories is compared, column by column; columns that only one side has are listed, and so
are tables. Columns of times are left out.
"""

import sys
from pathlib import Path

import polars as pl

TIMES = {"seconds", "images_per_second", "data_wait_share", "probe_seconds"}


def main(before: Path, after: Path) -> int:
    """Print what differs, and return how many tables do."""
    tables = [{path.relative_to(root) for path in root.rglob("*.parquet")} for root in (before, after)]
    different = 0
    for path in sorted(tables[0] ^ tables[1]):
        print(f"only {'before' if path in tables[0] else 'after'}: {path}")
    for path in sorted(tables[0] & tables[1]):
        old, new = pl.read_parquet(before / path), pl.read_parquet(after / path)
        shared = [name for name in old.columns if name in new.columns and name not in TIMES]
        if more := sorted(set(old.columns) ^ set(new.columns)):
            print(f"{path}: columns of one side alone: {', '.join(more)}")
        unequal = [name for name in shared if not old[name].equals(new[name], null_equal=True)]
        if unequal:
            different += 1
            print(f"{path}: {', '.join(unequal)} differ")
    print(f"{len(tables[0] & tables[1])} tables compared, {different} differ")
    return different


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])) > 0)
