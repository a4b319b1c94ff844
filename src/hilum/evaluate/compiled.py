"""Loops compiled to machine code on their first call; the result is kept on disk where that is possible."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """Compile a function of numbers and arrays; it then runs without the interpreter's lock.

    Numba refuses to cache where it finds no directory it may write to (a read-only installation without a home
    directory). Such a process compiles anew, which takes a second or two.
    """
    try:
        return cast(Loop, njit(nogil=True, error_model="numpy", cache=True)(loop))
    except RuntimeError:
        return cast(Loop, njit(nogil=True, error_model="numpy")(loop))
