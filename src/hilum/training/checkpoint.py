"""Checkpoints for bit-identical resumption of interrupted runs."""

import pickle
import shutil
from pathlib import Path
from typing import Any

from lightning.fabric import Fabric

from hilum.artifacts import fingerprint, whole_file, write_text
from hilum.errors import HilumError
from hilum.training.distributed import barrier, rank

CHECKPOINTS = "checkpoints"


def checkpoint_path(directory: Path) -> Path:
    """Return the path of the last checkpoint of a run in `directory`."""
    return directory / CHECKPOINTS / "last.ckpt"


def save_checkpoint(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically; the previous one is replaced at the end."""
    with whole_file(path) as beside:
        fabric.save(beside, state)


def load_checkpoint(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Restore modules and optimisers of `state` in place and replace its other values.

    Only tensors and plain values are read (`weights_only`).

    Raises:
        HilumError: The file is damaged or of another model.
    """
    try:
        fabric.load(path, state, weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise HilumError(
            path,
            expected="a checkpoint of this run",
            found=reason[0],
            fix="Delete it; the run starts from the beginning.",
        ) from error


def delete_checkpoints(directory: Path) -> None:
    """Delete the checkpoints of a finished run, on rank 0."""
    if rank() > 0:
        return
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)


def resume_only_same_run(directory: Path, inputs: Any, *, shared: bool = False) -> None:
    """Empty a working directory that belongs to a run with other inputs; on rank 0, followed by a barrier.

    Partially written files are always removed.

    Args:
        directory: Existing directory; files of an interrupted run with the same inputs are kept.
        inputs: All inputs that affect the result, serialisable as JSON.
        shared: True if other processes may write parts of the same run there; partial files are then kept.
    """
    if rank() == 0:
        _empty_after_another_run(directory, fingerprint(inputs), shared)
    barrier()


def _empty_after_another_run(directory: Path, run: str, shared: bool) -> None:
    note = directory / CHECKPOINTS / "inputs.sha256"
    if not note.exists() or note.read_text(encoding="utf-8") != run:
        for entry in directory.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        write_text(note, run)
    for half_written in () if shared else directory.rglob(".*.partial"):
        half_written.unlink()
