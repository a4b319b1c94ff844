"""What the first of several processes finds holds for all of them."""

from collections.abc import Callable
from typing import TypeVar

from hilum.errors import HilumError
from hilum.training.ranks import told

Found = TypeVar("Found")


def agreed(look: Callable[[], Found], where: str) -> Found:
    """What `look` gives in the first process; if it stops there, all stop.

    Args:
        look: called in every process, since looking may change its state.
        where: for the message of those that stop because the first one does.

    Raises:
        HilumError: what the first process raised, or that it did.
    """
    found: list[Found] = []
    problem: HilumError | None = None
    try:
        found = [look()]
    except HilumError as error:
        problem = error
    found, stop = told((found, problem is not None))
    if stop:
        raise problem or HilumError(
            where, expected="all processes to go on", found="a stop in the first one", fix="See what it says."
        )
    return found[0]
