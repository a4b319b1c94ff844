"""Tensors of a checkpoint file, read without running anything that the file says.

safetensors holds nothing but tensors. A torch file is read with `weights_only`, which builds tensors, containers and
numbers and refuses every other object. An npz is read without pickle. Before anything is unpacked, what the file claims
to hold is compared with what it can hold: a bomb is refused by its table of contents.
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
"""No weights that Hilum knows come near; ViT-L in float32 takes 1.2 GB."""

_NPZ_RATIO = 50
"""Floating-point weights hardly shrink; 50 leaves room for whole layers of zeros."""

_IN_A_FOLDER = ("model.safetensors", "pytorch_model.bin")

_HTML = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")


class PickledObjects(HilumError):  # noqa: N818 - what is in the file
    """The file holds objects that only unpickling could make."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a checkpoint; those in nested containers get keys joined by dots.

    Args:
        path: a safetensors, torch or npz file; its content decides which, not its name.

    Raises:
        PickledObjects: it needs unpickling; the message has the command.
        HilumError: it is missing, empty, truncated, a web page, a bomb, or no checkpoint.
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
    """Tensors in nested dictionaries and lists, by keys joined with dots; whatever is no tensor is passed over.

    Raises:
        ValueError: a tensor claims more numbers than it stores.
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
    """The file itself, or the one checkpoint in a folder as Hugging Face lays it out.

    Raises:
        HilumError: there is none, or it is in several files.
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
        fix = "Something answered with a page instead of the file; open the address in a browser and save the file."
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
    """Refuse a zip that is cut off or claims more than it can hold; whether it is an npz."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        found = f"{size:,} bytes, cut off or damaged ({error})"
        raise HilumError(path, expected="a whole checkpoint", found=found, fix="Download it again.") from error
    npz = bool(entries) and all(entry.filename.endswith(".npy") for entry in entries)
    claimed = sum(entry.file_size for entry in entries)
    # torch stores its entries as they are, so that they cannot be larger than the file.
    most = min(MOST_BYTES, _NPZ_RATIO * size if npz else size)
    if claimed > most:
        found = f"{size:,} bytes that would unpack to {claimed:,}"
        raise HilumError(path, expected=f"at most {most:,} bytes", found=found, fix="This is no checkpoint.")
    _check_sums(path, entries)
    return npz


def _check_sums(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip whose content is not that of its checksums, at which torch does not look."""
    if all(entry.CRC == 0 for entry in entries):
        return  # written with torch.serialization.set_crc32_options(False): there are none
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        broken = str(error)
    if broken is not None:
        fix = "The file is damaged: a copy or a download changed it. Compare it with its source, or get it again."
        raise HilumError(path, expected="the content that its checksums say", found=f"other in {broken}", fix=fix)


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
        # A Namespace of training arguments is common in checkpoints, and inert.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols that torch did not write
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
