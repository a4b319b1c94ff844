"""One command at a time writes a directory, and what a killed one left is cleared away."""

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.artifacts import locked, temporary_directory
from hilum.errors import HilumError

HOLD = "import sys, time; from pathlib import Path; from hilum.artifacts import locked\n"
HOLD += "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(3600)"


@pytest.fixture
def table(tmp_path):
    rows = [f"{i},{i // 2},test,{i % 2},{(i * 7) % 11 / 11:.3f}" for i in range(80)]
    path = tmp_path / "mine.csv"
    path.write_text("\n".join(["image_id,patient_id,split,y_Mass,p_Mass", *rows]) + "\n")
    return path


@contextmanager
def another_holds(out):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline().strip() == "held"
            yield
        finally:
            process.kill()


def called(*words):
    return CliRunner().invoke(hilum.cli.make_app(), [str(word) for word in words])


@pytest.mark.parametrize("command", ["evaluate", "compare", "report", "study run"])
def test_a_directory_that_another_process_writes_is_refused(command, table, tmp_path):
    out = tmp_path / "results"
    words = {
        "evaluate": ["evaluate", table, "--out", out, "--n-bootstrap", "40"],
        "compare": ["compare", table, table, "--out", out, "--n-bootstrap", "40"],
        "report": ["report", tmp_path, "--out", out, "--n-bootstrap", "40"],
        "study run": ["study", "run", "demo", "--out", out],
    }[command]
    with another_holds(out):
        answer = called(*words)
        assert isinstance(answer.exception, HilumError | SystemExit)
        assert "no other process writes" in answer.output + str(answer.exception)
        assert not out.exists()
    if command == "evaluate":
        assert called(*words).exit_code == 0
        assert not list(tmp_path.glob(".*.lock"))


def test_a_run_is_refused_before_torch_is_imported(tmp_path):
    code = "import sys; from hilum.cli import main\nsys.argv[1:] = ['study', 'run', 'demo', '--out', OUT]\n"
    code += "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'torch' in sys.modules)"
    with another_holds(tmp_path / "out"):
        code = code.replace("OUT", repr(str(tmp_path / "out")))
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert answer.stdout.split()[-1] == "False", answer.stdout + answer.stderr
        assert answer.stdout.split()[-2] != "0"


def test_a_lock_within_a_lock_is_the_same_lock(tmp_path):
    with locked(tmp_path / "out"):
        with locked(tmp_path / "out"):
            pass
        assert (tmp_path / ".out.lock").exists()
        with pytest.raises(subprocess.CalledProcessError):
            subprocess.run([sys.executable, "-c", HOLD, str(tmp_path / "out")], check=True, capture_output=True)
    assert not (tmp_path / ".out.lock").exists()


def test_temporary_directories_of_killed_processes_are_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for name in (f"hilum-check-{ended.pid}-x", f"hilum-check-{os.getppid()}-y", "hilum-check-notes", "another"):
        (tmp_path / name).mkdir()
    with temporary_directory("hilum-check") as made:
        assert made.parent == Path(tmp_path)
        assert made.name.startswith(f"hilum-check-{os.getpid()}-")
        left = {path.name for path in tmp_path.iterdir()} - {made.name}
        assert left == {f"hilum-check-{os.getppid()}-y", "hilum-check-notes", "another"}
    assert not made.exists()
