"""Files that are complete or absent: write beside, then rename; and fingerprints of what they hold."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


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
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
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
