"""The one error that people see: where it is, what was expected, what was found, what to do."""

from typing import Any, Literal


class HilumError(Exception):
    """Something a user can fix.

    Args:
        where: the file, field or argument at fault, as the user would name it.
        expected: what would have been right.
        found: what is there instead.
        fix: the step that fixes it; a command or an edit where there is one.
    """

    def __init__(self, where: object, *, expected: str, found: str, fix: str) -> None:
        self.where = str(where)
        self.expected = expected
        self.found = found
        self.fix = fix
        super().__init__(f"{self.where}: expected {expected}; found {found}. {fix}")

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process needs to raise the same error."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[HilumError], args: tuple[Any, ...], state: dict[str, Any]) -> HilumError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


TrainingFailure = Literal["diverged", "collapsed"]


class TrainingFailedError(HilumError):
    """A training that came to nothing, by its own train_state and not by a mistake in its inputs.

    Args:
        code: "diverged": a loss that is not finite; "collapsed": features that distinguish nothing.
        where, expected, found, fix: as in `HilumError`.
    """

    def __init__(self, code: TrainingFailure, where: object, *, expected: str, found: str, fix: str) -> None:
        self.code: TrainingFailure = code
        super().__init__(where, expected=expected, found=found, fix=fix)


class HilumErrors(HilumError):  # noqa: N818 - several of them
    """Several problems of one file, reported together.

    Args:
        where: the file.
        problems: one line each, in the order of the file; not empty.
        fix: what to do once all are fixed.
    """

    def __init__(self, where: object, problems: list[str], *, fix: str) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        super().__init__(where, expected="none", found=count, fix=fix)

    def __str__(self) -> str:
        return "\n".join([f"{self.where}: {self.found}, {self.fix}", *(f"  {line}" for line in self.problems)])
