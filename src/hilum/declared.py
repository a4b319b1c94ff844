"""Settings are declared once, in a dataclass: commands and study files take their texts from its docstring."""

import inspect
import re
from functools import cache


def text_of(declared: type, name: str) -> str:
    """What a class's docstring says of one of its fields, on one line.

    Args:
        declared: a class with a section `Attributes:` or `Args:` in its docstring, or in that of a class it extends.
        name: of the field; it may share its entry with others ("plateau_factor, plateau_patience: …").

    Raises:
        KeyError: the field has no text.

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
