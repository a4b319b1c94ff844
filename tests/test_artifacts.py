import hashlib
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from hilum.artifacts import (
    LEASE_SECONDS,
    file_sha256,
    fingerprint,
    holder_of,
    locked,
    whole_directory,
    whole_file,
    write_json,
    write_text,
)
from hilum.errors import HilumError


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with whole_file(path) as beside:
        beside.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"


def test_an_interrupted_file_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def write():
        with whole_file(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"


def test_an_interrupted_directory_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "run"
    with whole_directory(path) as beside:
        write_text(beside / "a", "old")

    def write():
        with whole_directory(path) as beside:
            write_text(beside / "a", "half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["run", "run/a"]
    assert (path / "a").read_text() == "old"


def test_a_directory_that_may_resume_finds_what_it_left(tmp_path):
    path = tmp_path / "run"

    def write():
        with whole_directory(path, resume=True) as beside:
            write_text(beside / "a", "first half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert not path.exists()
    with whole_directory(path, resume=True) as beside:
        assert (beside / "a").read_text() == "first half"
        write_text(beside / "b", "second half")
    assert sorted(p.name for p in path.iterdir()) == ["a", "b"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_new_directory_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "run"
    for name in ("old", "new"):
        with whole_directory(path) as beside:
            write_text(beside / name, name)
    assert [p.name for p in path.iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_json_reads_back(tmp_path):
    write_json(tmp_path / "a.json", {"ä": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ä": [1, None]}


def test_a_fingerprint_depends_on_content_and_not_on_the_order_of_keys():
    assert fingerprint({"a": 1, "b": [2, "c"]}) == fingerprint({"b": [2, "c"], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint("abc") == hashlib.sha256(b'"abc"').hexdigest()


def test_a_files_hash_is_sha256_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert file_sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


HOLD = """
import sys, time
from pathlib import Path
from hilum.artifacts import locked
from hilum.errors import HilumError
try:
    with locked(Path(sys.argv[1])):
        print("mine", flush=True)
        sys.stdin.read()
except HilumError as error:
    print(error, flush=True)
    sys.exit(2)
"""


def holding(path):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_of_two_processes_started_together_one_wins_and_the_other_says_who(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "selected").write_text("x")
    both = [holding(out), holding(out)]
    expected = [process.stdout.readline() for process in both]
    winner = expected.index("mine\n")
    assert f"process {both[winner].pid} on {socket.gethostname()}, since" in expected[1 - winner]
    assert "Wait until it is done" in expected[1 - winner]
    both[1 - winner].communicate()
    assert both[1 - winner].returncode == 2
    assert (out / "selected").read_text() == "x"
    both[winner].communicate("")
    assert both[winner].returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_process_that_comes_later_leaves_everything_alone(tmp_path):
    first = holding(tmp_path / "out")
    assert first.stdout.readline() == "mine\n"
    time.sleep(0.3)
    with pytest.raises(HilumError, match=f"process {first.pid} on"), whole_directory(tmp_path / "out"):
        pytest.fail("two writers")
    assert not (tmp_path / ".out.partial").exists()
    first.communicate("")
    with whole_directory(tmp_path / "out") as beside:
        (beside / "mine").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_taken_over(tmp_path):
    first = holding(tmp_path / "out")
    assert first.stdout.readline() == "mine\n"
    first.kill()
    first.communicate()
    assert (tmp_path / ".out.lock").exists()
    with locked(tmp_path / "out"):
        assert json.loads((tmp_path / ".out.lock").read_text())["process"] == os.getpid()
    assert not (tmp_path / ".out.lock").exists()


def test_what_another_host_left_is_not_and_it_says_how_to_clear_it(tmp_path):
    lock = tmp_path / ".out.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "process": 1, "since": "2026-01-01 00:00:00"}))
    with pytest.raises(HilumError, match=f"process 1 on elsewhere, .*delete {lock}"), locked(tmp_path / "out"):
        pytest.fail("two writers")
    lock.unlink()
    with locked(tmp_path / "out"):
        pass


def test_an_empty_lock_of_nobody_is_taken_over(tmp_path):
    (tmp_path / ".out.lock").touch()
    with locked(tmp_path / "out"):
        pass


def test_a_lock_of_another_host_is_a_lease_that_ends_with_its_signs_of_life(tmp_path):
    lock = tmp_path / ".out.lock"
    lock.write_text(json.dumps({"host": "elsewhere", "process": 1, "since": "2026-01-01 00:00:00"}))
    assert holder_of(tmp_path / "out").alive
    ago = time.time() - LEASE_SECONDS - 1
    os.utime(lock, (ago, ago))
    assert not holder_of(tmp_path / "out").alive
    with locked(tmp_path / "out"):
        mine = holder_of(tmp_path / "out")
        assert (mine.host, mine.process, mine.alive) == (socket.gethostname(), os.getpid(), True)
    assert holder_of(tmp_path / "out") is None
    assert not list(tmp_path.iterdir())


def other_host(path):
    """A process that holds a lock on a host of another name; skips where this system lets nobody rename one."""
    code = "import sys, hilum.artifacts; hilum.artifacts.BEAT_SECONDS = 0.2\n" + HOLD
    command = [
        "unshare",
        "--uts",
        "sh",
        "-c",
        'hostname node-b && exec "$0" "$@"',
        sys.executable,
        "-c",
        code,
        str(path),
    ]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except FileNotFoundError:
        pytest.skip("no unshare")
    if process.stdout.readline() != "mine\n":
        pytest.skip("a host name cannot be changed here")
    return process


def test_a_living_process_of_another_host_keeps_its_lock_and_a_killed_one_loses_it(tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.artifacts.LEASE_SECONDS", 1.5)
    other = other_host(tmp_path / "out")
    time.sleep(2)  # longer than the lease: it is the signs of life that keep it
    with pytest.raises(HilumError, match=f"process {other.pid} on node-b"), locked(tmp_path / "out"):
        pytest.fail("two writers")
    other.kill()
    other.communicate()
    began = time.monotonic()
    with locked(tmp_path / "out", wait_seconds=10):
        assert time.monotonic() - began < 9
        assert holder_of(tmp_path / "out").process == os.getpid()


def test_a_suspended_process_of_another_host_puts_nothing_in_place_when_it_wakes_up(tmp_path):
    """Its lock was taken over: the directory is the other one's."""

    def write() -> None:
        with whole_directory(tmp_path / "out") as beside:
            (beside / "old").touch()
            lock = tmp_path / ".out.lock"
            lock.unlink()  # as who takes over does where the file server still holds the old lock
            lock.write_text(json.dumps({"host": "node-b", "process": 1, "since": "2026-01-01 00:00:00"}))

    with pytest.raises(HilumError, match="another process writes the directory now"):
        write()
    assert not (tmp_path / "out").exists()
    assert json.loads((tmp_path / ".out.lock").read_text())["host"] == "node-b"
