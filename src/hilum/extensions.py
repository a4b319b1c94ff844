"""What installed packages add to Hilum by entry points: data sets, pretext methods, encoders, metrics.

A package says in its pyproject.toml, for example,

    [project.entry-points."hilum.methods"]
    vicreg = "my_package.vicreg:VICREG"

and the name stands beside Hilum's own everywhere: in study files, commands and messages. Names are read from the
metadata of installed packages when somebody first asks for them; the code behind a name is imported when that name is
used, and not before.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from hilum.errors import HilumError

T = TypeVar("T")

COLLECTIONS = "hilum.collections"
METHODS = "hilum.methods"
ENCODERS = "hilum.encoders"
METRICS = "hilum.metrics"
GROUPS = (COLLECTIONS, METHODS, ENCODERS, METRICS)
"""Groups of entry points."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@cache
def added(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group by name, in alphabetic order.

    Args:
        group: of `GROUPS`.

    Raises:
        HilumError: a name that no study file could write, or that two packages give to different things.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        if not _NAME.fullmatch(point.name):
            raise HilumError(
                f"entry point {point.name} of {group}",
                expected="small letters, digits and _, a letter first",
                found=f"{point.name!r}, from {package_of(point)}",
                fix="Rename it in the package's pyproject.toml, and install the package again.",
            )
        if (other := found.setdefault(point.name, point)).value != point.value:
            raise HilumError(
                f"entry point {point.name} of {group}",
                expected="one package that adds it",
                found=f"{other.value} of {package_of(other)}, and {point.value} of {package_of(point)}",
                fix="Uninstall one of them.",
            )
    return found


def package_of(point: EntryPoint) -> str:
    """The distribution that an entry point is from, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"


class Registry(Mapping[str, T], Generic[T]):
    """Hilum's own things by name, and behind them what installed packages add.

    Iterating gives names only; what a package adds is imported when it is looked up.

    Args:
        group: of `GROUPS`.
        own: Hilum's own.
        read: from the name and the object of an entry point to what this registry holds.

    Raises:
        HilumError: at the first use: a package takes a name of Hilum's own, its code cannot be imported, or is not what
            the group asks for (reported by `read`).
    """

    def __init__(self, group: str, own: Mapping[str, T], read: Callable[[str, object], T]) -> None:
        self.group, self.own, self._read = group, dict(own), read
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Hilum's own, or what a package adds under this name; KeyError where there is none."""
        if name in self.own:
            return self.own[name]
        if name not in self._loaded:
            self._loaded[name] = self._read(name, loaded(self.group, self._added()[name]))
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is such a name; imports nothing."""
        return isinstance(name, str) and (name in self.own or name in self._added())

    def __iter__(self) -> Iterator[str]:
        """Hilum's own names, then those of packages in alphabetic order."""
        yield from self.own
        yield from self._added()

    def __len__(self) -> int:
        """How many names there are."""
        return len(self.own) + len(self._added())

    def _added(self) -> Mapping[str, EntryPoint]:
        points = added(self.group)
        for name in sorted(points.keys() & self.own.keys()):
            raise HilumError(
                f"entry point {name} of {self.group}",
                expected="a name of its own",
                found=f"{name}, which is Hilum's, from {package_of(points[name])}",
                fix="Rename it in the package's pyproject.toml, or uninstall the package.",
            )
        return points


def loaded(group: str, point: EntryPoint) -> object:
    """The object of an entry point.

    Raises:
        HilumError: it cannot be imported; the import's own error is its cause.
    """
    try:
        return point.load()
    except Exception as error:
        raise HilumError(
            f"entry point {point.name} of {group}",
            expected=f"{point.value} of {package_of(point)}",
            found=f"{type(error).__name__}: {error}",
            fix="Correct the package, or uninstall it.",
        ) from error


def wrong_kind(group: str, name: str, expected: str, found: object) -> HilumError:
    """The error of an entry point that is not what its group asks for."""
    return HilumError(
        f"entry point {name} of {group}",
        expected=expected,
        found=f"{type(found).__name__}",
        fix="See docs/how-to/extending.md.",
    )
