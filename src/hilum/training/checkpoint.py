"""Checkpoints: all that a killed run needs to go on as if nothing had happened."""

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
    """Where a run in `directory` keeps its last checkpoint."""
    return directory / CHECKPOINTS / "last.ckpt"


def save_checkpoint(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint, whole or not at all. The one before is kept until then."""
    with whole_file(path) as beside:
        fabric.save(beside, state)


def load_checkpoint(fabric: Fabric, path: Path, state: dict[str, Any]) -> None:
    """Restore modules and optimisers of `state` in place and replace its other values.

    Only tensors and plain values are read (`weights_only`); code in a checkpoint is refused.

    Raises:
        HilumError: the file is damaged, or of another model.
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
    """Delete the checkpoints of a run that is done; of several processes, the first one does."""
    if rank() > 0:
        return
    shutil.rmtree(directory / CHECKPOINTS, ignore_errors=True)


def resume_only_same_run(directory: Path, inputs: Any, *, shared: bool = False) -> None:
    """Empty a working directory that another run left, so that no run goes on with the weights of another.

    Files that a kill left half-written are removed in any case. Of several processes the first one does this, and the
    others wait for it.

    Args:
        directory: exists; what an interrupted run left there is kept if it had the same inputs.
        inputs: all that decides the result, as JSON can hold it.
        shared: whether other processes may be writing parts of the same run there; half-written files are then left.
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
