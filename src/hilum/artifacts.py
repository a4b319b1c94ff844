"""Files that are complete or absent: write beside, then rename; directories that one process writes at a time."""

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
"""A lock of another host whose holder has given no sign of life for so long is taken over."""
BEAT_SECONDS = 10.0
"""From one sign of life to the next."""
_HELD_HERE: dict[Path, int] = {}
"""Directories that this process has locked: a block inside a block for the same one takes no lock of its own."""


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it becomes `path` when the block ends well, and is removed otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path, *, resume: bool = False) -> Iterator[Path]:
    """Yield a directory beside `path` to fill; it becomes `path` when the block ends well.

    Args:
        path: the directory to make. An older complete one is replaced at the end, not before.
        resume: keep what an interrupted run left (and leave it again when interrupted), so that work can go on.
            Otherwise nothing half-written remains.
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
    """A lock that this process has.

    Attributes:
        path: the directory that it is for.
    """

    path: Path

    def check(self) -> None:
        """Stop a process that was silent for so long that another one has taken its lock over.

        Raises:
            HilumError: the lock is not this process's any more.
        """
        lock = _lock_of(self.path)
        if not _is(_HELD_HERE[self.path], lock):
            raise HilumError(
                self.path,
                expected="the lock that this process took",
                found=f"it was silent for {LEASE_SECONDS:g} s, and another process writes the directory now",
                fix="Leave it to that one.",
            )


@dataclass(frozen=True)
class Holder:
    """Who writes a directory.

    Attributes:
        host: its name.
        process: its number there.
        since: local time at which it began.
        alive: whether it still runs; of another host: whether its last sign of life is younger than `LEASE_SECONDS`.
    """

    host: str
    process: int
    since: str
    alive: bool


@contextmanager
def locked(path: Path, *, wait_seconds: float = 0.0) -> Iterator[Hold]:
    """Keep other processes from writing a directory inside the block.

    A file `.NAME.lock` beside it says who writes: host, process, since when. On one host the kernel holds the lock
    (flock) and lets go of it with the process, however that ends, so that what a killed process left is taken over at
    once. Over several hosts with a shared file system a lock is a lease: its holder touches the file every
    `BEAT_SECONDS`, and the lock of a host that has been silent for `LEASE_SECONDS` is taken over. A process that was
    only suspended for so long finds out before it puts a directory in place (`Hold.check`).

    Args:
        path: the directory.
        wait_seconds: how long to wait for another process that has the lock.

    Raises:
        HilumError: another process writes it; says which, and what to do. Nothing was changed.
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
            lock.unlink(missing_ok=True)  # while it is held: who waits for this file finds that it is another one
        os.close(descriptor)


def holder_of(path: Path) -> Holder | None:
    """Who writes a directory, or did when it was killed; None where nobody does."""
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
    """A directory for this process, deleted afterwards; those of processes that were killed are deleted, too.

    Args:
        kind: of its contents, letters and hyphens; part of its name.
    """
    shelf = Path(tempfile.gettempdir())
    for left in shelf.glob(f"{kind}-*"):
        process = left.name.removeprefix(f"{kind}-").partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True)  # another user's stays
    with tempfile.TemporaryDirectory(prefix=f"{kind}-{os.getpid()}-") as made:
        yield Path(made)


def _lock_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


@contextmanager
def _beating(lock: Path, descriptor: int) -> Iterator[None]:
    """Give a sign of life every `BEAT_SECONDS`."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with suppress(OSError):  # a file server that is away for a moment
                os.utime(descriptor)

    thread = threading.Thread(target=beat, name=f"lock of {lock.name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _lease_is_over(descriptor: int, lock: Path) -> bool:
    """Whether the holder of a lock has been silent for too long, by the clock of the file system that it is on."""
    probe = lock.with_name(f"{lock.name}.{socket.gethostname()}.{os.getpid()}")
    try:
        probe.touch()
        now = probe.stat().st_mtime
    except OSError:
        return False  # read-only: nothing can be taken over there
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
                time.sleep(0.2)  # it has the lock, and is about to say who it is
                holder = _holder(descriptor)
            here = holder is None or holder["host"] == socket.gethostname()
            if holder is not None and not here:
                if not _lease_is_over(descriptor, lock):
                    raise _held(path, lock, holder)
                if by_kernel is False:  # the file server has not noticed yet: begin a new file
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
        os.close(descriptor)  # its holder removed it in between


def _lock_file(descriptor: int) -> bool | None:
    """Whether this process has the lock now; None on file systems without locks."""
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
    """What the lock says of who wrote it; None where it says nothing."""
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
    fix = "Wait until it is done, or end it and run this again."
    if holder:
        who = f"process {holder['process']} on {holder['host']}, since {holder['since']}"
        if holder["host"] != socket.gethostname():
            fix = (
                f"Wait until it is done. If that process runs no more, its lock is free {LEASE_SECONDS:g} s after it "
                f"ended; or delete {lock}. Then run this again."
            )
    return HilumError(path, expected="a directory that no other process writes", found=who, fix=fix)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def fingerprint(content: Any) -> str:
    """SHA-256 (hex) of anything JSON can hold; independent of the order of keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
