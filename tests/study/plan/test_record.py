import json
import os
import socket

from hilum.progress import silent
from hilum.study.plan import read_progress, recorded_progress


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
