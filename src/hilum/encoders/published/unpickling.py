"""Extraction of tensors from pickled files in a sandboxed process.

Protection: the process never imports or calls anything named in the file (`inert_unpickling`). In addition it has
limits on memory, time and file size, no environment, a temporary working directory, and no network if the system
supports it for ordinary users (Linux, `unshare`).

Limits: the process runs as the user and can read the user's files; on other systems it has network access. Open
untrusted files on an isolated machine.
"""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from shutil import which

import safetensors.torch
from torch import Tensor

from hilum.encoders.published import inert_unpickling
from hilum.encoders.published.reading import MOST_BYTES, check_archive
from hilum.errors import HilumError

_SECONDS = 300
_BASE_MB = 2048
"""Address space of a process with numpy only, in MB."""


def unpickled_tensors(path: Path) -> dict[str, Tensor]:
    """Extract all tensors of a pickled torch file, by keys joined with dots.

    Raises:
        HilumError: The file is missing, a zip bomb, or contains no tensors that can be extracted.
    """
    if not path.is_file():
        raise HilumError(path, expected="a checkpoint", found="no such file", fix="Check the path.")
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise HilumError(path, expected=f"at most {MOST_BYTES:,} bytes", found=f"{size:,}", fix="Check the file.")
    with path.open("rb") as stream:
        if stream.read(2) == b"PK":
            check_archive(path, size)
    with tempfile.TemporaryDirectory(prefix="hilum-unpickling-") as folder:
        target = Path(folder) / "tensors.safetensors"
        megabytes = _BASE_MB + 4 * (size >> 20)
        command = [sys.executable, "-I", inert_unpickling.__file__, path.resolve(), target, megabytes, _SECONDS]
        try:
            done = subprocess.run(
                [*_without_network(), *map(str, command)],
                cwd=folder,
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=2 * _SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refused(path, f"no end after {2 * _SECONDS} s") from None
        if done.returncode != 0 or not target.is_file():
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            raise _refused(path, lines[-1][:200] if lines else f"the process ended with {done.returncode}")
        return safetensors.torch.load_file(target)


@cache
def _without_network() -> tuple[str, ...]:
    """Return a command prefix that removes network access; empty if not supported."""
    unshare = which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--map-root-user", "--net", "--")
    probe = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    return command if probe.returncode == 0 else ()


def _refused(path: Path, found: str) -> HilumError:
    fix = "The file is damaged, or contains something other than the tensors of a model."
    return HilumError(path, expected="a pickled file with tensors", found=found, fix=fix)
