"""Inverse mapping from a body's key to its native name, for messages."""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol


class _Renaming(Protocol):
    @property
    def pattern(self) -> str: ...
    @property
    def key(self) -> str: ...


def native_names(prefix: str, uses: Sequence[_Renaming], present: Iterable[str], keys: Iterable[str]) -> dict[str, str]:
    """Return the native name of each key of the body; the key itself if no rule gives it.

    Args:
        prefix: Prefix of the layout, a regular expression.
        uses: Rules from native keys after the prefix to keys of the body.
        present: Native keys of the file, to find the prefix.
        keys: Keys of the body.
    """
    front = _prefix_of(prefix, uses, present)
    return {key: _native(prefix, front, uses, key) or key for key in keys}


def _prefix_of(prefix: str, uses: Sequence[_Renaming], present: Iterable[str]) -> str:
    for native in present:
        for use in uses:
            if found := re.fullmatch(f"(?P<front__>{prefix}){use.pattern}", native):
                return found["front__"]
    return ""


def _native(prefix: str, front: str, uses: Sequence[_Renaming], key: str) -> str | None:
    for use in uses:
        # the template "blocks.\1.\2" as a pattern, with each group once
        parts = re.split(r"\\(\d)", use.key)
        groups = parts[1::2]
        if len(set(groups)) != len(groups):
            continue
        pattern = "".join(f"(?P<g{part}>.+)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
        found = re.fullmatch(pattern, key)
        if found is None:
            continue
        native = front + _written(use.pattern, {number: found[f"g{number}"] for number in groups})
        back = re.fullmatch(prefix + use.pattern, native)
        if back is not None and back.expand(use.key) == key:
            return native
    return None


def _written(pattern: str, groups: dict[str, str]) -> str:
    """Return a native key of a pattern with given groups, without optional parts, with first alternatives."""
    out, place, number = "", 0, 0
    while place < len(pattern):
        if pattern[place] != "(":
            escaped = pattern[place] == "\\"
            place += escaped
            letter, place = pattern[place], place + 1
            if pattern[place : place + 1] == "?":
                place += 1
            else:
                out += letter
            continue
        end = _closing(pattern, place)
        inside, place = pattern[place + 1 : end], end + 1
        optional = pattern[place : place + 1] == "?"
        place += optional
        if not inside.startswith("?:"):
            number += 1
            out += groups.get(str(number), "")
        elif not optional:
            out += _written(inside[2:].split("|")[0], {})
    return out


def _closing(pattern: str, start: int) -> int:
    depth, place = 0, start
    while True:
        if pattern[place] == "\\":
            place += 1
        else:
            depth += {"(": 1, ")": -1}.get(pattern[place], 0)
            if depth == 0:
                return place
        place += 1
