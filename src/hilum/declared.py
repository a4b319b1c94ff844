"""Texts of settings, read from the docstring of their dataclass, for commands and study files."""

import inspect
import re
from functools import cache


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
