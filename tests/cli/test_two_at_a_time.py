"""Two commands that write one directory: one wins, the other says who holds it and changes nothing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.artifacts import locked
from hilum.data.phantom import write_chestxray14
from hilum.errors import HilumError

STUDY = """\
question: Does the first of two runs finish?
data: {films: {collection: chestxray14}}
preprocess: [{square: pad}, {resize: 32}]
task: {findings: [Pleural Effusion, Infiltration], split: {lists: official, validation: 30, seed: 0}}
arms: {scratch: {encoder: resnet18}, simclr: {encoder: resnet18, init: {pretrain: simclr, on: films}}}
pretrain: {epochs: 2, batch_size: 32}
finetune: {epochs: 2, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {redraws: 100, min_positives: 2}
explain: null
"""
TABLE = "\n".join(["image_id,patient_id,y_Mass,p_Mass", *(f"{i},{i},{i % 2},{i % 7 / 7:.3f}" for i in range(60))])


def start(words: list[str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from hilum.cli import main; main()", *words]
    with log.open("wb") as stream:
        return subprocess.Popen(command, stdout=stream, stderr=stream, env=os.environ | {"OMP_NUM_THREADS": "1"})


def test_of_two_studies_in_one_directory_the_first_finishes_and_the_second_says_who_runs(tmp_path):
    write_chestxray14(tmp_path / "films", images=120, size=48, seed=0)
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    out = tmp_path / "out"
    words = ["study", "run", str(tmp_path / "study.yaml"), "--data", f"films={tmp_path / 'films'}", "--out", str(out)]
    first = start(words, tmp_path / "first.log")
    while not (tmp_path / ".out.lock").exists() and first.poll() is None:
        time.sleep(0.05)
    time.sleep(2)
    second = start(words, tmp_path / "second.log")
    assert second.wait(timeout=300) != 0
    told = " ".join((tmp_path / "second.log").read_text(encoding="utf-8").split())
    assert "expected a directory that no other process writes" in told
    assert f"process {first.pid} on " in told
    assert "Traceback" not in told
    assert first.wait(timeout=600) == 0, (tmp_path / "first.log").read_text(encoding="utf-8")
    assert "Every step ran in miniature" in (tmp_path / "first.log").read_text(encoding="utf-8")
    assert (out / "report.html").is_file()
    assert not (tmp_path / ".out.lock").exists()


@pytest.mark.parametrize(
    "words", [["evaluate", "a.csv", "--out", "out"], ["compare", "a.csv", "b.csv", "--out", "out"], ["report", "out"]]
)
def test_commands_that_leave_tables_wait_for_no_other_and_change_nothing(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("out").mkdir()
    for name in ("a.csv", "b.csv", "out/a.csv"):
        Path(name).write_text(TABLE + "\n", encoding="utf-8")

    def call():
        return CliRunner().invoke(hilum.cli.make_app(), [*words, "--redraws", "100"], catch_exceptions=True)

    with locked(Path("out")):
        answer = call()
    assert isinstance(answer.exception, HilumError)
    assert answer.exception.found.startswith(f"process {os.getpid()} on ")
    assert [path.name for path in Path("out").iterdir()] == ["a.csv"]
    assert call().exit_code == 0
    assert not Path(".out.lock").exists()
