"""Taking tensors out of pickled files, in a process that can do little.

What protects: the process never imports or calls what the file names (`inert_unpickling`), so that a pickle's usual
trick, naming a function to be called, has nothing to call. Should that fail, the process has bounds on memory, time and
the size of what it writes, no environment, a temporary folder to stand in, and no network where the system lets an
ordinary user leave it (Linux, `unshare`).

What does not: the process runs as the user and can read what the user can; on other systems it keeps the network. A
file from somebody you do not trust belongs on a machine that holds nothing.
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
_EMPTY_HANDED_MB = 2048
"""Address space of a process with numpy alone, generously."""


def unpickled_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a pickled torch file, by keys joined with dots; those of modules by their state's names.

    Raises:
        HilumError: it is missing, a bomb, or holds no tensors that can be taken out.
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
        megabytes = _EMPTY_HANDED_MB + 4 * (size >> 20)
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
    """What to write before a command so that it has no network; nothing where the system has no such thing."""
    unshare = which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--map-root-user", "--net", "--")
    probe = subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False)
    return command if probe.returncode == 0 else ()


def _refused(path: Path, found: str) -> HilumError:
    fix = "The file is damaged, or holds something else than the tensors of a model."
    return HilumError(path, expected="a pickled file that holds tensors", found=found, fix=fix)
