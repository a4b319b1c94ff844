"""Atomic writing of files and directories (write beside, then rename), and locks of directories."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.errors import HilumError

LEASE_SECONDS = 60.0
"""Seconds without a heartbeat after which the lock of another host is taken over."""
BEAT_SECONDS = 10.0
"""Seconds between two heartbeats."""
_HELD_HERE: dict[Path, int] = {}
"""Locks of this process by directory, with their file descriptors; nested locks of a directory are no-ops."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it is renamed to `path` at the end, or removed after an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path, *, resume: bool = False) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; it is renamed to `path` at the end, unless an error occurs.

    Args:
        path: Directory to write. An existing one is replaced at the end, not before.
        resume: Keep the partial output of an interrupted run, to resume it; otherwise partial output is removed.
    """
    beside = path.with_name(f".{path.name}.partial")
    with locked(path) as hold:
        if not resume:
            shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, exist_ok=True)
        done = False
        try:
            yield beside
            done = True
        finally:
            if not done and not resume:
                shutil.rmtree(beside, ignore_errors=True)
        hold.check()
        if path.exists():
            outdated = path.with_name(f".{path.name}.outdated")
            shutil.rmtree(outdated, ignore_errors=True)
            path.replace(outdated)
            beside.replace(path)
            shutil.rmtree(outdated, ignore_errors=True)
        else:
            beside.replace(path)


@dataclass(frozen=True)
class Hold:
    """Lock held by this process.

    Attributes:
        path: Locked directory.
    """

    path: Path

    def check(self) -> None:
        """Check that no other process has taken over the lock after missing heartbeats.

        Raises:
            HilumError: This process does not hold the lock any more.
        """
        lock = _lock_of(self.path)
        if not _is(_HELD_HERE[self.path], lock):
            raise HilumError(
                self.path,
                expected="the lock of this process",
                found=f"no heartbeat for {LEASE_SECONDS:g} s, and another process writes the directory now",
                fix="Let the other process complete.",
            )


@dataclass(frozen=True)
class Holder:
    """Process that writes a directory.

    Attributes:
        host: Name of its host.
        process: Process id.
        since: Local time of the start.
        alive: True if it still runs; on another host, if its last heartbeat is younger than `LEASE_SECONDS`.
    """

    host: str
    process: int
    since: str
    alive: bool


@contextmanager
def locked(path: Path, *, wait_seconds: float = 0.0) -> Iterator[Hold]:
    """Lock a directory against other processes inside the block.

    A file `.NAME.lock` beside it records host, process and time. On one host the kernel holds the lock (flock) and
    releases it when the process ends, so that the lock of a killed process is taken over at once. Between hosts with a
    shared file system the lock is a lease: its holder touches the file every `BEAT_SECONDS`, and a lock without a
    heartbeat for `LEASE_SECONDS` is taken over. A suspended process detects this before it replaces a directory
    (`Hold.check`).

    Args:
        path: Directory.
        wait_seconds: Time to wait for another process that holds the lock.

    Raises:
        HilumError: Another process writes the directory; nothing was changed.
    """
    path = path.resolve()
    if path in _HELD_HERE:
        yield Hold(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock_of(path)
    descriptor = _awaited(path, lock, wait_seconds)
    _HELD_HERE[path] = descriptor
    try:
        with _beating(lock, descriptor):
            yield Hold(path)
    finally:
        del _HELD_HERE[path]
        if _is(descriptor, lock):
            lock.unlink(missing_ok=True)  # while locked, so that waiting processes notice the new file
        os.close(descriptor)


def holder_of(path: Path) -> Holder | None:
    """Return the process that writes a directory, or was killed while writing; None if there is none."""
    path = path.resolve()
    try:
        descriptor = os.open(_lock_of(path), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        found = _holder(descriptor)
        if found is None:
            return None
        here = found["host"] == socket.gethostname()
        alive = _runs(found["process"]) if here else not _lease_is_over(descriptor, _lock_of(path))
        return Holder(found["host"], found["process"], found["since"], alive)
    finally:
        os.close(descriptor)


@contextmanager
def temporary_directory(kind: str) -> Iterator[Path]:
    """Yield a temporary directory, deleted afterwards; also delete those of killed processes.

    Args:
        kind: Kind of contents, letters and hyphens; part of its name.
    """
    for found in Path(tempfile.gettempdir()).glob(f"{kind}-*"):
        process = found.name.removeprefix(f"{kind}-").partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(found, ignore_errors=True)  # directories of other users remain
    with tempfile.TemporaryDirectory(prefix=f"{kind}-{os.getpid()}-") as made:
        yield Path(made)


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


@contextmanager
def _beating(lock: Path, descriptor: int) -> Iterator[None]:
    """Touch the lock every `BEAT_SECONDS`."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with suppress(OSError):  # the file server may be unavailable for a moment
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name=f"lock of {lock.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _lease_is_over(descriptor: int, lock: Path) -> bool:
    """Check whether the heartbeat of a lock is too old, by the clock of its file system."""
    probe = lock.with_name(f"{lock.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        probe.touch()
        now = probe.stat().st_mtime
    except OSError:
        return False  # read-only file system: no takeover
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return now - os.fstat(descriptor).st_mtime > LEASE_SECONDS


def _awaited(path: Path, lock: Path, seconds: float) -> int:
    until = time.monotonic() + seconds
    while True:
        try:
            return _acquired(path, lock)
        except HilumError:
            if time.monotonic() >= until:
                raise
        time.sleep(0.5)


def _acquired(path: Path, lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            by_kernel = _lock_file(descriptor)
            holder = _holder(descriptor)
            if by_kernel is False and holder is None:
                time.sleep(0.2)  # locked, but the holder is not written yet
                holder = _holder(descriptor)
            here = holder is None or holder["host"] == socket.gethostname()
            if holder is not None and not here:
                if not _lease_is_over(descriptor, lock):
                    raise _held(path, lock, holder)
                if by_kernel is False:  # the file server has not released the lock yet: use a new file
                    if _is(descriptor, lock):
                        lock.unlink(missing_ok=True)
                    os.close(descriptor)
                    continue
            elif by_kernel is False or (by_kernel is None and holder and _runs(holder["process"])):
                raise _held(path, lock, holder)
            if _is(descriptor, lock):
                now = {
                    "host": socket.gethostname(),
                    "process": os.getpid(),
                    "since": time.strftime("%Y-%m-%d %H:%M:%S"),
                }
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(now).encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the holder removed the file in between


def _lock_file(descriptor: int) -> bool | None:
    """Try to take the kernel's lock; return None on file systems without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
        return None
    return True


def _holder(descriptor: int) -> dict[str, Any] | None:
    """Read the holder recorded in a lock; None if there is none."""
    try:
        lock = json.loads(os.pread(descriptor, 1000, 0))
        return {"host": str(lock["host"]), "process": int(lock["process"]), "since": str(lock["since"])}
    except (ValueError, TypeError, KeyError):
        return None


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _held(path: Path, lock: Path, holder: dict[str, Any] | None) -> HilumError:
    who = "another process"
    fix = "Wait until it is done, or stop it, and run this again."
    if holder:
        who = f"process {holder['process']} on {holder['host']}, since {holder['since']}"
        if holder["host"] != socket.gethostname():
            fix = (
                f"Wait until it is done. If that process does not run any more, its lock expires {LEASE_SECONDS:g} s "
                f"after its end; or delete {lock}. Then run this again."
            )
    return HilumError(path, expected="a directory that no other process writes", found=who, fix=fix)


def write_text(path: Path, text: str) -> None:
    """Write a text file, completely or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, completely or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def holds_json(path: Path, content: Any) -> bool:
    """Return true for a JSON file with this content; false for any other file, or none."""
    try:
        return bool(json.loads(path.read_text(encoding="utf-8")) == content)
    except (OSError, ValueError):
        return False


def fingerprint(content: Any) -> str:
    """Compute the SHA-256 (hex) of JSON content, independent of the order of keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 (hex) of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
