"""Safe reading of tensors from checkpoint files (safetensors, torch, npz), without executing code.

torch files are read with `weights_only`, npz files without pickle. Declared sizes are checked before unpacking, to
refuse zip bombs.
"""

import argparse
import pickle
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from hilum.errors import HilumError

MOST_BYTES = 32 * 2**30
"""Maximum unpacked size; ViT-L in float32 has 1.2 GB."""

_NPZ_RATIO = 50
"""Maximum compression ratio; weights hardly compress, except for layers of zeros."""

_IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")

_HTML = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")


class PickledObjects(HilumError):  # noqa: N818
    """The file contains pickled objects."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read all tensors of a checkpoint; keys of nested containers are joined by dots.

    Args:
        path: A safetensors, torch or npz file, detected by content.

    Raises:
        PickledObjects: The file needs unpickling; the message has the command.
        HilumError: The file is missing, empty, truncated, a web page, a zip bomb, or no checkpoint.
    """
    kind = _kind(path)
    if kind == "safetensors":
        return _read_safetensors(path)
    if kind == "npz":
        return _read_npz(path)
    try:
        return flatten(_read_torch(path))
    except ValueError as error:
        raise _damaged(path, error) from error


def flatten(content: Any, prefix: str = "") -> dict[str, Tensor]:
    """Flatten nested dictionaries and lists to tensors by keys joined with dots; other objects are ignored.

    Raises:
        ValueError: A tensor has more elements than its storage.
    """
    if isinstance(content, Tensor):
        stored = content.untyped_storage().nbytes()
        if content.numel() * content.element_size() > stored:
            raise ValueError(f"{prefix} claims {content.numel():,} numbers and stores {stored:,} bytes")
        return {prefix: content.detach()}
    if isinstance(content, dict):
        items = [(str(key), value) for key, value in content.items()]
    elif isinstance(content, list | tuple):
        items = [(str(place), value) for place, value in enumerate(content)]
    else:
        return {}
    return {
        key: tensor
        for name, value in items
        for key, tensor in flatten(value, f"{prefix}.{name}" if prefix else name).items()
    }


def checkpoint_in(path: Path) -> Path:
    """Return the file itself, or the checkpoint in a folder in Hugging Face's format.

    Raises:
        HilumError: No checkpoint, or a sharded one.
    """
    if not path.is_dir():
        return path
    here = [path / name for name in _IN_A_FOLDER if (path / name).is_file()]
    if here:
        return here[0]
    shards = sorted(file.name for file in path.glob("*.index.json"))
    found = f"one in several files ({shards[0]})" if shards else f"a folder without {' or '.join(_IN_A_FOLDER)}"
    raise HilumError(path, expected="a checkpoint", found=found, fix="Give the file itself.")


def _kind(path: Path) -> str:
    if not path.is_file():
        raise HilumError(path, expected="a checkpoint", found="no such file", fix="Check the path.")
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(512)
    if size == 0:
        raise HilumError(path, expected="a checkpoint", found="an empty file", fix="Download it again.")
    if start.lstrip().lower().startswith(_HTML):
        fix = "The server returned a web page instead of the file; open the address in a browser and save the file."
        raise HilumError(path, expected="a checkpoint", found="a web page", fix=fix)
    if start.startswith(b"PK"):
        return "npz" if check_archive(path, size) else "torch"
    if len(start) > 9 and start[8:9] == b"{" and 8 + int.from_bytes(start[:8], "little") <= size:
        return "safetensors"
    if start[8:9] == b"{":
        raise HilumError(path, expected="a whole safetensors file", found=f"{size:,} bytes of it", fix="Get it again.")
    if start[:1] in (b"\x80", b"\x00") or b"././@" in start:
        return "torch"
    if start.startswith(b"version https://git-lfs"):
        fix = "Run `git lfs pull` where it was cloned, or download the file itself."
        raise HilumError(path, expected="a checkpoint", found="a pointer of git-lfs, not the file", fix=fix)
    if b'"weight_map"' in start or path.name.endswith(".index.json"):
        fix = "Join the shards that it lists into one file (safetensors.torch.load_file each, then save_file)."
        raise HilumError(path, expected="a checkpoint", found="the table of a checkpoint in several files", fix=fix)
    fix = "Give the file as its authors publish it."
    raise HilumError(path, expected="a safetensors, torch or npz file", found="something else", fix=fix)


def check_archive(path: Path, size: int) -> bool:
    """Check a zip for truncation and declared sizes; return whether it is an npz."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        found = f"{size:,} bytes, cut off or damaged ({error})"
        raise HilumError(path, expected="a whole checkpoint", found=found, fix="Download it again.") from error
    npz = bool(entries) and all(entry.filename.endswith(".npy") for entry in entries)
    claimed = sum(entry.file_size for entry in entries)
    # torch does not compress entries, so they cannot be larger than the file.
    most = min(MOST_BYTES, _NPZ_RATIO * size if npz else size)
    if claimed > most:
        found = f"{size:,} bytes that would unpack to {claimed:,}"
        raise HilumError(path, expected=f"at most {most:,} bytes", found=found, fix="This is no checkpoint.")
    _check_sums(path, entries)
    return npz


def _check_sums(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Check the CRC checksums of a zip, which torch ignores."""
    if all(entry.CRC == 0 for entry in entries):
        return  # written with torch.serialization.set_crc32_options(False)
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        broken = str(error)
    if broken is not None:
        fix = "The file is damaged, for example by copying or downloading; get it again."
        raise HilumError(
            path, expected="content that matches its checksums", found=f"other content in {broken}", fix=fix
        )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    tensors = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as stream:
                    shape, dtype = _header(stream)
                    if dtype.hasobject:
                        raise PickledObjects(
                            path, expected="numbers", found=f"pickled objects in {entry.filename}", fix=_command(path)
                        )
                    if int(np.prod(shape, dtype=object)) * dtype.itemsize > entry.file_size:
                        raise ValueError(f"{entry.filename} claims {shape}, more than it holds")
                with archive.open(entry) as stream:
                    array = np.lib.format.read_array(stream, allow_pickle=False)
                tensors[entry.filename.removesuffix(".npy")] = torch.from_numpy(np.array(array, order="C"))
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _damaged(path, error) from error
    return tensors


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"npy version {version}")
    shape, _, dtype = read(stream)
    return shape, dtype


def _read_torch(path: Path) -> Any:
    try:
        # argparse.Namespace with training arguments is common in checkpoints, and safe.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about other pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() or "unsupported" in str(error).lower():
            found = "pickled objects, which can run anything when they are read"
            raise PickledObjects(path, expected="nothing but tensors", found=found, fix=_command(path)) from error
        raise _damaged(path, error) from error
    except (RuntimeError, EOFError, OSError, ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise _damaged(path, error) from error


def _command(path: Path) -> str:
    return f"Convert it in a sandboxed process: hilum weights import {path} --as NAME --unpickle"


def _damaged(path: Path, error: Exception) -> HilumError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    fix = "The file is damaged or cut off; download it again."
    return HilumError(path, expected="a whole checkpoint", found=reason, fix=fix)
