import json
import os
import socket

from hilum.artifacts import locked
from hilum.progress import silent
from hilum.study.plan import part_directory, read_progress, recorded_progress, run_once


def test_a_step_of_this_host_runs_as_long_as_its_process(tmp_path):
    recorded_progress(tmp_path / "step", silent)(3, 7, "epoch 1")
    assert read_progress(tmp_path / "step") == (3, 7, "epoch 1", True)


def test_a_step_of_another_host_runs_as_long_as_its_lock_gives_signs_of_life(tmp_path):
    assert socket.gethostname() != "node-b"
    message = {"done": 3, "total": 7, "note": "", "process": os.getpid(), "host": "node-b"}
    (tmp_path / ".step.progress.json").write_text(json.dumps(message))
    assert read_progress(tmp_path / "step") == (3, 7, "", False)  # that number is another process here
    lock = tmp_path / ".step.lock"
    lock.write_text(json.dumps({"host": "node-b", "process": os.getpid(), "since": "2026-01-01 00:00:00"}))
    assert read_progress(tmp_path / "step") == (3, 7, "", True)
    os.utime(lock, (0, 0))
    assert read_progress(tmp_path / "step") == (3, 7, "", False)


def test_a_step_in_parts_runs_as_long_as_one_of_them_and_ends_without_what_they_left(tmp_path):
    step = tmp_path / "sweep"
    gone = {"done": 1, "total": 9, "note": "gone", "process": 2**22 - 1, "host": socket.gethostname()}
    (tmp_path / ".sweep.part-0-0-0.progress.json").write_text(json.dumps(gone))
    assert read_progress(step) == (1, 9, "gone", False)
    with locked(part_directory(step, "0-0-1")):
        recorded_progress(part_directory(step, "0-0-1"), silent)(3, 7, "epoch 1")
        assert read_progress(step) == (3, 7, "epoch 1", True)
    run_once(step, "key", "a sweep", step.mkdir)
    assert read_progress(step) is None
    assert [path.name for path in tmp_path.iterdir()] == ["sweep"]
