"""Extensions by entry points of installed packages: data sets, pretext methods, encoders, metrics.

A package declares in its pyproject.toml, for example,

    [project.entry-points."hilum.methods"]
    vicreg = "my_package.vicreg:VICREG"

and the name is available in study files, commands and messages, like Hilum's own names. Names are read from the
metadata of installed packages; the code of an extension is imported at its first use.
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
    """Return the entry points of a group by name, in alphabetical order.

    Args:
        group: One of `GROUPS`.

    Raises:
        HilumError: An invalid name, or a name that two packages use for different objects.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        if not _NAME.fullmatch(point.name):
            raise HilumError(
                f"entry point {point.name} of {group}",
                expected="lower-case letters, digits and _, a letter first",
                found=f"{point.name!r}, from {package_of(point)}",
                fix="Rename it in the package's pyproject.toml, and install the package again.",
            )
        if (other := found.setdefault(point.name, point)).value != point.value:
            raise HilumError(
                f"entry point {point.name} of {group}",
                expected="one package with this name",
                found=f"{other.value} of {package_of(other)}, and {point.value} of {package_of(point)}",
                fix="Uninstall one of them.",
            )
    return found


def package_of(point: EntryPoint) -> str:
    """Return the distribution of an entry point, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unnamed package"


class Registry(Mapping[str, T], Generic[T]):
    """Mapping of names to Hilum's own objects, and to extensions of installed packages.

    Iteration yields names only; an extension is imported when it is looked up.

    Args:
        group: One of `GROUPS`.
        own: Hilum's own objects.
        read: Function from the name and the object of an entry point to an object of this registry.

    Raises:
        HilumError: At first use: an extension has a name of Hilum's own, cannot be imported, or has the wrong type
            (raised by `read`).
    """

    def __init__(self, group: str, own: Mapping[str, T], read: Callable[[str, object], T]) -> None:
        self.group, self.own, self._read = group, dict(own), read
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        """Return the object or extension of this name; raise KeyError if there is none."""
        if name in self.own:
            return self.own[name]
        if name not in self._loaded:
            self._loaded[name] = self._read(name, loaded(self.group, self._added()[name]))
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        """Check whether the name exists, without importing an extension."""
        return isinstance(name, str) and (name in self.own or name in self._added())

    def __iter__(self) -> Iterator[str]:
        """Yield Hilum's own names, then those of extensions in alphabetical order."""
        yield from self.own
        yield from self._added()

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self.own) + len(self._added())

    def _added(self) -> Mapping[str, EntryPoint]:
        points = added(self.group)
        for name in sorted(points.keys() & self.own.keys()):
            raise HilumError(
                f"entry point {name} of {self.group}",
                expected="a name that Hilum does not use",
                found=f"{name}, which is Hilum's, from {package_of(points[name])}",
                fix="Rename it in the package's pyproject.toml, or uninstall the package.",
            )
        return points


def loaded(group: str, point: EntryPoint) -> object:
    """Import the object of an entry point.

    Raises:
        HilumError: It cannot be imported; the error of the import is the cause.
    """
    try:
        return point.load()
    except Exception as error:
        raise HilumError(
            f"entry point {point.name} of {group}",
            expected=f"{point.value} of {package_of(point)}",
            found=f"{type(error).__name__}: {error}",
            fix="Fix the package, or uninstall it.",
        ) from error


def wrong_kind(group: str, name: str, expected: str, found: object) -> HilumError:
    """Create the error of an entry point with the wrong type."""
    return HilumError(
        f"entry point {name} of {group}",
        expected=expected,
        found=f"{type(found).__name__}",
        fix="See docs/how-to/extending.md.",
    )
