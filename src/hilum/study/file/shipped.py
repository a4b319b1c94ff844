"""The study files that come with Hilum."""

import difflib
from pathlib import Path

import hilum
from hilum.errors import HilumError


def shipped_studies() -> dict[str, Path]:
    """Study files by name, wherever this installation keeps them."""
    package = Path(hilum.__file__).parent
    for folder in (package / "studies", package.parents[1] / "studies"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def find_study(name: str) -> Path:
    """A study file by its path, or by the name of one that comes with Hilum.

    Raises:
        HilumError: there is neither.
    """
    path = Path(name)
    if path.exists():
        return path
    shipped = shipped_studies()
    known = shipped.get(name) or shipped.get(path.stem if path.parent == Path("studies") else "")
    if known is None:
        near = difflib.get_close_matches(path.stem, shipped, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"Shipped with Hilum: {', '.join(shipped)}."
        raise HilumError(name, expected="a study file, or the name of a shipped study", found="neither", fix=hint)
    return known
