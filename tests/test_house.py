"""The house itself: files stay small, and the command line answers at once."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


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


@pytest.mark.parametrize("name", ["constraints.txt", "pyproject.toml", "Makefile"])
def test_no_package_host_is_written_down(name):
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")
