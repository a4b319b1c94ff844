"""Are two runs of one study the same to the bit? For changes that must not change a result.

    python benchmarks/same_numbers.py BEFORE AFTER

BEFORE and AFTER are directories of one study, run by two versions of Hilum on one machine. Compared are every Parquet
table (numbers by their bits, columns by position, so that a renamed column is the same column; text aside) and every
safetensors file (tensors by their bytes). Prints Markdown; ends with exit status 1 where anything differs. Durations
are not results: columns of seconds and rates are left out.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load_file

DURATIONS = ("second", "per_second", "wait")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    different = 0
    print("| file | numbers | different |\n|---|---:|---:|")
    for name, numbers, wrong in compare(arguments.before, arguments.after):
        print(f"| {name} | {numbers:,} | {wrong} |")
        different += wrong != 0
    print(f"\n{different} files differ" if different else "\nall numbers are the same to the bit")
    sys.exit(1 if different else 0)


def compare(before: Path, after: Path) -> Iterator[tuple[str, int, int | str]]:
    """Every file of results below `before`: its name, how many numbers it holds, how many differ (or what is wrong)."""
    for path in sorted(before.rglob("*.parquet")) + sorted(before.rglob("*.safetensors")):
        name = path.relative_to(before)
        other = after / name
        if not other.is_file():
            yield str(name), 0, "no such file"
            continue
        read = numbers_of_table if path.suffix == ".parquet" else numbers_of_weights
        left, right = read(path), read(other)
        if [each.shape for each in left] != [each.shape for each in right]:
            yield str(name), sum(each.size for each in left), "other shapes"
            continue
        wrong = sum(int(differing(one, two)) for one, two in zip(left, right, strict=True))
        yield str(name), sum(each.size for each in left), wrong


def differing(one: NDArray[np.generic], two: NDArray[np.generic]) -> int:
    """How many numbers have other bits; any NaN equals any NaN."""
    same = np.array_equal(one.view(np.uint8), two.view(np.uint8)) if one.flags.c_contiguous else False
    if same:
        return 0
    equal = (one == two) | ((one != one) & (two != two))
    return int((~equal).sum())


def numbers_of_table(path: Path) -> list[NDArray[np.generic]]:
    """Its columns of numbers, in order, without durations; blanks are NaN."""
    table = pl.read_parquet(path)
    chosen = [
        name for name, kind in table.schema.items() if kind.is_numeric() and not any(word in name for word in DURATIONS)
    ]
    return [np.ascontiguousarray(table[name].cast(pl.Float64).fill_null(np.nan).to_numpy()) for name in chosen]


def numbers_of_weights(path: Path) -> list[NDArray[np.generic]]:
    """Its tensors, by name."""
    return [np.ascontiguousarray(tensor) for _, tensor in sorted(load_file(path).items())]


if __name__ == "__main__":
    main()
