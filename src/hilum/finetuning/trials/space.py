"""The settings that a sweep tries: lists of values and ranges, by name of the setting. Nothing here imports torch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Choices:
    """Some values.

    Args:
        values: of any kind that JSON can hold, each once.
    """

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """All numbers between two.

    Args:
        low, high: both belong to it.
        log: draw uniformly on the logarithmic scale.
        whole: whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space: TypeAlias = Mapping[str, Choices | Range]
Sample: TypeAlias = dict[str, Any]
"""A value for each setting of a space."""


def size_of(space: Space) -> int | None:
    """How many samples there are; None where a range has no end of them."""
    count = 1
    for values in space.values():
        if isinstance(values, Range):
            return None
        count *= len(values.values)
    return count


def grid_of(space: Space) -> Iterator[Sample]:
    """Every sample, the last setting moving fastest; only of a space without ranges."""
    lists = [values.values for values in space.values() if isinstance(values, Choices)]
    for combination in product(*lists):
        yield dict(zip(space, combination, strict=True))


def as_key(sample: Mapping[str, Any]) -> str:
    """By which equal samples are known."""
    return json.dumps(sample, sort_keys=True)


def distinct(samples: Sequence[Sample]) -> list[Sample]:
    """Each sample once, in the order of the first of equal ones."""
    return list({as_key(sample): sample for sample in reversed(samples)}.values())[::-1]
