"""Search spaces of a sweep: lists of values and ranges by setting. This module does not import torch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, TypeAlias

from hilum.declared import Bounds

HalvingReduction = Annotated[int, Bounds(ge=2, le=16)]


@dataclass(frozen=True)
class Choices:
    """List of values.

    Args:
        values: JSON values, each once.
    """

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """Range of numbers.

    Args:
        low, high: Bounds, inclusive.
        log: Draw uniformly on the logarithmic scale.
        whole: Whole numbers only.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False


Space: TypeAlias = Mapping[str, Choices | Range]
Sample: TypeAlias = dict[str, Any]
"""A value for each setting of a space."""


def size_of(space: Space) -> int | None:
    """Return the number of samples; None for infinite spaces (ranges)."""
    count = 1
    for values in space.values():
        if isinstance(values, Range):
            return None
        count *= len(values.values)
    return count


def grid_of(space: Space) -> Iterator[Sample]:
    """Yield every sample, the last setting varying fastest; for spaces without ranges."""
    lists = [values.values for values in space.values() if isinstance(values, Choices)]
    for combination in product(*lists):
        yield dict(zip(space, combination, strict=True))


def as_key(sample: Mapping[str, Any]) -> str:
    """Return a text that identifies a sample."""
    return json.dumps(sample, sort_keys=True)


def distinct(samples: Sequence[Sample]) -> list[Sample]:
    """Remove duplicate samples; keep the first of each."""
    return list({as_key(sample): sample for sample in reversed(samples)}.values())[::-1]
