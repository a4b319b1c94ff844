"""Files that are complete or absent: write beside, then rename; directories that one process writes at a time."""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hilum.errors import HilumError

_HELD_HERE: set[Path] = set()
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
    with locked(path):
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
        if path.exists():
            outdated = path.with_name(f".{path.name}.outdated")
            shutil.rmtree(outdated, ignore_errors=True)
            path.replace(outdated)
            beside.replace(path)
            shutil.rmtree(outdated, ignore_errors=True)
        else:
            beside.replace(path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from writing a directory inside the block.

    A file `.NAME.lock` beside it says who writes: host, process, since when. The kernel holds the lock (flock) and lets
    go of it with the process, however that ends, so that what a killed process on this host left is taken over. What
    a process on another host left is not: whether that one still runs cannot be known from here.

    Raises:
        HilumError: another process writes it; says which, and what to do. Nothing was changed.
    """
    path = path.resolve()
    if path in _HELD_HERE:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _acquired(path, lock)
    _HELD_HERE.add(path)
    try:
        yield
    finally:
        _HELD_HERE.discard(path)
        lock.unlink(missing_ok=True)  # while it is held: who waits for this file finds that it is another one
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


def _acquired(path: Path, lock: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            by_kernel = _lock_file(descriptor)
            holder = _holder(descriptor)
            if by_kernel is False and holder is None:
                time.sleep(0.2)  # it has the lock, and is about to say who it is
                holder = _holder(descriptor)
            if by_kernel is False or (holder and holder["host"] != socket.gethostname()):
                raise _held(path, lock, holder)
            if by_kernel is None and holder and _runs(holder["process"]):
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
            fix = f"Wait until it is done. If that process runs no more, delete {lock} and run this again."
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
