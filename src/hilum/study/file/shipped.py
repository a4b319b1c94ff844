"""Study files shipped with Hilum."""

from pathlib import Path

import hilum
from hilum.errors import HilumError
from hilum.renamed import similar_name


def shipped_studies() -> dict[str, Path]:
    """Return the paths of the shipped study files by name."""
    package = Path(hilum.__file__).parent
    for folder in (package / "studies", package.parents[1] / "studies"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return {}


def find_study(name: str) -> Path:
    """Find a study file by its path, or a shipped one by its name.

    Raises:
        HilumError: No such file or shipped study.
    """
    path = Path(name)
    if path.exists():
        return path
    shipped = shipped_studies()
    known = shipped.get(name) or shipped.get(path.stem if path.parent == Path("studies") else "")
    if known is None:
        similar = similar_name(path.stem, shipped)
        hint = f"Did you mean {similar}?" if similar else f"Shipped with Hilum: {', '.join(shipped)}."
        raise HilumError(name, expected="a study file, or the name of a shipped study", found="neither", fix=hint)
    return known
