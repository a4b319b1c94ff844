"""Errors for users: where, what was expected, what was found, and how to fix it."""

from typing import Any, Literal


class HilumError(Exception):
    """Error that a user can fix.

    Args:
        where: File, field or argument at fault, as the user names it.
        expected: Correct content or value.
        found: Actual content or value.
        fix: Step that fixes it; a command or an edit if possible.
    """

    def __init__(self, where: object, *, expected: str, found: str, fix: str) -> None:
        self.where = str(where)
        self.expected = expected
        self.found = found
        self.fix = fix
        super().__init__(f"{self.where}: expected {expected}; found {found}. {fix}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Return the state for pickling, to raise the same error in another process."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[HilumError], args: tuple[Any, ...], state: dict[str, Any]) -> HilumError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


TrainingFailure = Literal["diverged", "collapsed"]


class TrainingFailedError(HilumError):
    """Failure of a training with correct inputs.

    Args:
        code: "diverged": the loss is not finite; "collapsed": representation collapse.
        where, expected, found, fix: As in `HilumError`.
    """

    def __init__(self, code: TrainingFailure, where: object, *, expected: str, found: str, fix: str) -> None:
        self.code: TrainingFailure = code
        super().__init__(where, expected=expected, found=found, fix=fix)


class HilumErrors(HilumError):  # noqa: N818 - several of them
    """Several problems of one file, reported together.

    Args:
        where: File.
        problems: Problems, one line each, in the order of the file; not empty.
        fix: Next step after fixing them.
    """

    def __init__(self, where: object, problems: list[str], *, fix: str) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        super().__init__(where, expected="none", found=count, fix=fix)

    def __str__(self) -> str:
        return "\n".join([f"{self.where}: {self.found}, {self.fix}", *(f"  {line}" for line in self.problems)])
