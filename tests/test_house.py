"""The house itself: files stay small, and the command line answers at once."""

import ast
import importlib
import re
import resource
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


PLUG_INS = {"cli", "data/collections", "phantom/layouts"}
"""Folders of one file a command, a data set, a layout: as many as there are."""
FOLDERS = sorted({path.parent for path in SOURCES})
in_each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.py"))


def test_every_file_is_in_one_of_the_folders():
    assert sorted(path for folder in FOLDERS for path in files_of(folder)) == SOURCES


@in_each_folder
def test_a_file_holds_one_idea(folder):
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files_of(folder)}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_one_finds_ones_way_in_a_folder(folder):
    if folder.relative_to(ROOT / "src" / "hilum").as_posix() not in PLUG_INS:
        assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= 15


@pytest.mark.parametrize("face", sorted((ROOT / "src").rglob("__init__.pyi")), ids=lambda path: path.parent.name)
def test_a_face_gives_all_that_it_names(face):
    package = importlib.import_module(".".join(face.parent.relative_to(ROOT / "src").parts))
    named = {alias.name for node in ast.parse(face.read_text()).body for alias in getattr(node, "names", [])}
    assert named
    assert named == set(package.__all__)
    for name in named:
        assert getattr(package, name) is not None
    modules = {path.stem for path in face.parent.glob("*.py")} | {path.name for path in face.parent.iterdir()}
    assert not named & modules  # a name of both would be the one or the other, by what was imported first


REFUSED = re.compile(
    r"(^|_)(films?|pictures?|told|tells?|telling|said|says?|saying|redraws?|redrawn|redrawing|against|kept|wish(es)?"
    r"|shall|mend(s|ed)?)(_|$)|(^|_)seen_|_seen(_|$)"
)
"""Words that are not the field's (an image is an image), as names, keys and options; `seen` by itself may name a set of
what was met before."""
FORMER = {
    "cli/renamed.py",
    "renamed.py",
    "data/tables/parquet.py",
    "encoders/card.py",
    "evaluation/predictions/exposure.py",
    "prediction/description.py",
    "report/from_folder/files.py",
    "runs/report.py",
    "study/file/read.py",
    "study/plan/record.py",
}
"""Files that read keys and columns of earlier versions."""


@in_each_folder
def test_names_are_the_fields_terms(folder):
    refused = []
    for path in files_of(folder):
        with tokenize.open(path) as stream:
            names = {token.string for token in tokenize.generate_tokens(stream.readline) if token.type == tokenize.NAME}
        snake = {re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", name).lower(): name for name in names}
        refused += [(path.name, name) for lower, name in snake.items() if REFUSED.search(lower)]
        refused += [(path.name, path.stem)] if REFUSED.search(path.stem) else []
    assert refused == []


WORDS = re.compile(r"\b([Rr]edraws?|[Rr]edrawn|[Tt]old|[Ss]aid|[Ss]hall|[Mm]end(s|ed)?|[Ww]ish(es)?)\b")
TEMPLATES = [path for path in (ROOT / "src").rglob("*") if path.suffix in (".js", ".html", ".jinja", ".j2")]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_in_the_fields_terms(path):
    assert not WORDS.findall(path.read_text(encoding="utf-8"))


def test_there_are_pages():
    assert {path.suffix for path in TEMPLATES} >= {".js", ".html"}


QUAINT = re.compile(
    r"\b(by lot|learnt|goes on|(is|are) left out|shall|told|wish(es)?|mend(s|ed)?|redraws?|redrawn|says)\b", re.I
)
"""Words that docstrings, comments, messages and pages do without."""
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


@in_each_folder
def test_prose_is_plain(folder):
    ours = [path for path in files_of(folder) if path.relative_to(ROOT / "src" / "hilum").as_posix() not in FORMER]
    assert [(path.name, found[0]) for path in ours if (found := QUAINT.search(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_are_plain(path):
    assert not QUAINT.findall(path.read_text(encoding="utf-8"))


@in_each_folder
def test_keys_options_and_help_are_in_the_fields_terms(folder):
    refused = []
    for path in files_of(folder):
        nodes = ast.walk(ast.parse(path.read_text()))
        texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        former = path.relative_to(ROOT / "src" / "hilum").as_posix() in FORMER
        keys = [text for text in texts if re.fullmatch(r"[a-z_]+", text) and REFUSED.search(text)]
        options = [option.replace("-", "_") for text in texts for option in re.findall(r"--([a-z][a-z-]+)", text)]
        found = [] if former else keys
        found += [] if former else [option for option in options if REFUSED.search(option) or option == "seen"]
        found += [
            text
            for text in texts
            if WORDS.search(text) and not (former and text.removeprefix("--") in ("redraws", "told"))
        ]
        refused += [(path.name, each) for each in found]
    assert refused == []


def test_the_command_line_imports_nothing_heavy_before_a_command_runs():
    heavy = (
        "torch",
        "lightning",
        "timm",
        "numpy",
        "polars",
        "sklearn",
        "matplotlib",
        "numba",
        "cv2",
        "pydantic",
        "scipy",
    )
    code = f"import sys, hilum.cli; hilum.cli.make_app(); print([m for m in {heavy!r} if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_help_answers_within_half_a_second_of_computing():
    seconds = min(
        _cpu_seconds("-c", "import sys; from hilum.cli import main; sys.argv[1:] = ['--help']; main()")
        for _ in range(3)
    )
    assert seconds < 0.5


@pytest.mark.parametrize("broken", [True, False], ids=["with two mistakes", "right"])
def test_a_study_is_read_and_checked_within_a_second_of_computing_and_without_torch(tmp_path, broken):
    text = (ROOT / "studies/demo.yaml").read_text(encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(text.replace("question", "questoin") + "nonsense: 1\n" if broken else text, encoding="utf-8")
    code = """
import sys
from pathlib import Path
from hilum.errors import HilumErrors
from hilum.study.file.read import read_study
try:
    read_study(Path(sys.argv[1]), ["pretrain.epochs=3"])
except HilumErrors as error:
    print(len(error.problems), end=" ")
print([name for name in ("torch", "timm", "scipy", "sklearn", "polars", "numpy", "cv2") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == ("3 []" if broken else "[]")
    assert min(_cpu_seconds("-c", code, str(path)) for _ in range(3)) < 1


def test_the_package_itself_imports_no_library():
    code = "import sys; before = set(sys.modules); import hilum; print(sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "['hilum']"


def _cpu_seconds(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml", "Makefile"])
def test_no_package_host_is_written_down(name):
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
