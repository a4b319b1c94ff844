"""The documentation as a site: `make docs`, then open runs/docs/index.html. Built offline, of files of its own."""

from pathlib import Path

from sphinx.application import Sphinx

import hilum

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "hilum"
ROOMS = {
    "findings": "Findings by name",
    "data": "Images, tables, patients, splits",
    "phantom": "Generated radiographs",
    "augment": "Random views",
    "encoders": "Encoders and published weights",
    "training": "The training loop",
    "pretext": "Self-supervised methods",
    "finetuning": "Classifiers, sweeps",
    "evaluation": "Metrics, intervals, tests",
    "explanation": "Heat maps and embeddings",
    "report": "Pages and tables",
    "runs": "One run each, without a study",
    "prediction": "Packages, prediction, export",
    "study": "Study files",
    "serving": "The local page and its JSON API",
}

project = "Hilum"
author = "The Hilum developers"
version = release = hilum.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
html_theme = "furo"
html_title = "Hilum"
html_show_sphinx = False
myst_heading_anchors = 4
default_role = "code"
autodoc_default_options = {"members": True, "member-order": "groupwise"}
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
suppress_warnings = ["ref.python"]


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("builder-inited", write_reference)


def write_reference(app: Sphinx) -> None:
    """Write reference/api/*.rst: one page for each room, from the faces of its sub-packages and its own modules."""
    pages = Path(app.srcdir) / "reference" / "api"
    pages.mkdir(exist_ok=True)
    for name, title in {"hilum": "The functions of the commands", **ROOMS}.items():
        lines = [f"``{name}``: {title}" if name == "hilum" else f"``hilum.{name}``: {title}"]
        lines += ["=" * len(lines[0]), ""]
        for module in ["hilum"] if name == "hilum" else modules_of(PACKAGE / name):
            face = (PACKAGE.parent / module.replace(".", "/") / "__init__.pyi").exists()
            lines += [module, "-" * len(module), "", f".. automodule:: {module}", *["   :imported-members:"] * face, ""]
        page, text = pages / f"{name}.rst", "\n".join(lines)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def modules_of(room: Path) -> list[str]:
    """Names of a room's sub-packages that have a face, and of its own public modules."""
    faces = [path.parent for path in room.rglob("__init__.pyi") if path.parent != room]  # its own repeats theirs
    covered = {room, *(path for path in room.iterdir() if path.is_dir() and path not in faces)}
    plain = [
        path.with_suffix("")
        for folder in covered
        for path in folder.glob("*.py")
        if not path.name.startswith("_") and folder.name != "__pycache__"
    ]
    return sorted(".".join(path.relative_to(PACKAGE.parent).parts) for path in {*faces, *plain})
