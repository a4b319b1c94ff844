"""Texts and ranges of settings, declared once in their dataclass, for functions, commands and study files."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from hilum.errors import HilumError, HilumErrors


@dataclass(frozen=True)
class Bounds:
    """Range of a number, declared in its type: `Annotated[float, Bounds(gt=0, le=1)]`.

    `range_problems` checks dataclasses with such types; pydantic models with the same types refuse the same values with
    the same words. Around a union, `Annotated[int | None, Bounds(ge=1)]`, the range is that of the numbers.

    Attributes:
        gt, ge: Lower bound, exclusive or inclusive; None: none.
        lt, le: Upper bound, exclusive or inclusive; None: none.

    Example:
        >>> f"{Bounds(gt=0, le=1)}; {Bounds(ge=2)}", 0 in Bounds(gt=0), 1 in Bounds(gt=0, le=1)
        ('above 0, at most 1; of at least 2', False, True)
    """

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            -math.inf < value < math.inf
            and (self.gt is None or value > self.gt)
            and (self.ge is None or value >= self.ge)
            and (self.lt is None or value < self.lt)
            and (self.le is None or value <= self.le)
        )

    def __str__(self) -> str:
        if self.ge is not None and self.le is not None:
            return f"from {_number(self.ge)} to {_number(self.le)}"
        words = {"above": self.gt, "of at least": self.ge, "below": self.lt, "at most": self.le}
        return ", ".join(f"{word} {_number(bound)}" for word, bound in words.items() if bound is not None)

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Let pydantic check a field of this type as `range_problems` does."""
        from pydantic_core.core_schema import no_info_before_validator_function

        declared = Annotated[source, self]

        def check(value: Any) -> Any:
            if not _accepts(declared, value):
                raise ValueError(f"expected {_expected(declared)}; found {value!r:.80}")
            return value

        return no_info_before_validator_function(check, handler(source))


Seed = Annotated[int, Bounds(ge=0, le=2**32 - 1)]
"""Random seed, as `random_state` of scikit-learn."""


def _number(bound: float) -> str:
    return f"{int(bound):,}" if bound == int(bound) else f"{bound:g}"


def range_problems(declared: type, values: Mapping[str, Any], where: str = "") -> list[HilumError]:
    """Return the problems of single values of a class of settings, in the order of its fields.

    Numbers, names and flags are checked by the types of their fields; values of other types are checked elsewhere.

    Args:
        declared: Dataclass of the settings.
        values: Values by name; others are not checked.
        where: Section of the settings, for the errors.

    Example:
        >>> from hilum.training.settings import TrainingSettings
        >>> for problem in range_problems(TrainingSettings, {"epochs": 0.5, "layer_decay": 2}, "training"):
        ...     print(problem)
        training.epochs: expected a whole number of at least 1; found 0.5. Change `epochs`.
        training.layer_decay: expected a number above 0, at most 1; found 2. Change `layer_decay`.
    """
    return [
        HilumError(
            f"{where}.{name}" if where else name,
            expected=_expected(hint),
            found=str(values[name]),
            fix=f"Change `{name}`.",
        )
        for name, hint in _hints(declared).items()
        if name in values and not _accepts(hint, values[name])
    ]


def argument_problems(hints: Mapping[str, Any], values: Mapping[str, Any]) -> list[HilumError]:
    """Return the problems of arguments whose annotation has `Bounds`.

    Args:
        hints: Annotations by name; those without `Bounds` are not checked.
        values: Arguments by name.
    """
    return [
        HilumError(name, expected=_expected(hint), found=repr(values[name])[:80], fix=f"Change `{name}`.")
        for name, hint in hints.items()
        if get_origin(hint) is Annotated and name in values and not _accepts(hint, values[name])
    ]


def check_ranges(*declared: type, **values: Any) -> None:
    """Refuse arguments out of the range of the settings of the same names, all together.

    Args:
        declared: Classes of settings.
        values: Values by name.

    Raises:
        HilumError: The only problem.
        HilumErrors: All problems.
    """
    raise_problems([problem for each in declared for problem in range_problems(each, values)], "arguments")


def raise_problems(problems: list[HilumError], where: str) -> None:
    """Raise a problem, or several together; nothing without problems.

    Raises:
        HilumError: The only problem.
        HilumErrors: All problems of `where`.
    """
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise HilumErrors(where, [str(problem) for problem in problems], fix="change them")


@cache
def _hints(declared: type) -> dict[str, Any]:
    return get_type_hints(declared, include_extras=True)


def _accepts(hint: Any, value: Any) -> bool:
    """Return whether a type and its range allow a value; True for types that are checked elsewhere."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        ranges = [each for each in arguments[1:] if isinstance(each, Bounds)]
        return _accepts(arguments[0], value) and all(value in each for each in ranges if is_number)
    if origin in (Union, UnionType):
        return any(_accepts(each, value) for each in arguments)
    if origin is Literal:
        return isinstance(value, str | int) and value in arguments
    if hint in (int, float):
        return isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool)
    return isinstance(value, hint) if hint in (bool, str, NoneType) else True


def _expected(hint: Any, bounds: str = "") -> str:
    """Describe the values that a type and its range allow."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        ranges = [str(each) for each in arguments[1:] if isinstance(each, Bounds)]
        return _expected(arguments[0], "".join(f" {each}" for each in ranges))
    if origin in (Union, UnionType):
        return ", or ".join(_expected(each, bounds) for each in arguments)
    if origin is Literal:
        names = ", ".join(map(str, arguments))
        return names if len(arguments) == 1 else f"one of {names}"
    words = {int: f"a whole number{bounds}", float: f"a number{bounds}", bool: "true or false", NoneType: "null"}
    return words.get(hint, "text" if hint is str else "a section")


def problem_text(detail: Mapping[str, Any]) -> str:
    """Return one error of pydantic in the words of `range_problems`: "expected …; found …".

    Args:
        detail: One of `ValidationError.errors()`.
    """
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    expected = detail["msg"]
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        expected = f"expected a number {Bounds(**context)}"
    elif kind == "literal_error":
        expected = f"expected one of {', '.join(re.findall(_QUOTED, context['expected']))}"
    else:
        expected = next((f"expected {words}" for start, words in _TYPES.items() if kind.startswith(start)), expected)
    return f"{expected}; found {detail['input']!r:.80}"


_QUOTED = r"'([^']*)'"
_TYPES = {"int_": "a whole number", "float_": "a number", "finite_number": "a number", "bool_": "true or false"}


def text_of(declared: type, name: str) -> str:
    """Return the text of a field from its class's docstring, on one line.

    Args:
        declared: Class with a section `Attributes:` or `Args:` in its docstring, or in that of a base class.
        name: Name of the field; its entry may be shared with other fields ("plateau_factor, plateau_patience: …").

    Raises:
        KeyError: The field has no text.

    Example:
        >>> from hilum.evaluation.bootstrap.config import BootstrapConfig
        >>> text_of(BootstrapConfig, "seed")
        'Seed of the bootstrap samples; every table of one evaluation uses the same ones.'
    """
    for each in declared.__mro__:
        texts = _texts(each)
        if name in texts:
            return texts[name]
    raise KeyError(f"{declared.__name__}.{name} has no text in a docstring")


@cache
def _texts(declared: type) -> dict[str, str]:
    docstring = inspect.cleandoc(declared.__doc__ or "")
    section = re.search(r"^(?:Attributes|Args):\n((?:(?:[ \t]+.*)?(?:\n|$))+)", docstring, re.MULTILINE)
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}
