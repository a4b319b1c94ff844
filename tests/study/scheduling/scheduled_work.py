"""Work for processes of their own, which import it from here."""

import os
import signal
import time
from pathlib import Path

from hilum.errors import HilumError


def note(folder: Path, name: str) -> None:
    (folder / name).write_text(str(os.getpid()))
    with (folder / "order").open("a") as stream:
        stream.write(name)


def failing(folder: Path, bad: str, name: str) -> None:
    if name in bad:
        raise HilumError(name, expected="a good one", found="a bad one", fix="Change it.")
    note(folder, name)


def killed_once(folder: Path, name: str) -> None:
    """The process that does `c` first is killed under it."""
    if name == "c" and not (folder / "began").exists():
        (folder / "began").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    note(folder, name)


def killed_always(folder: Path, name: str) -> None:
    if name == "b":
        os.kill(os.getpid(), signal.SIGKILL)
    note(folder, name)


def sleeping(folder: Path, name: str) -> None:
    (folder / name).write_text(str(os.getpid()))
    time.sleep(60)
