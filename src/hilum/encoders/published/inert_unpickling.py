"""Unpickler of torch files that creates no objects named in the file.

Run as a script in its own process by `hilum.encoders.published.unpickling`; imports neither Hilum nor torch.
Containers, numbers and arrays are built; every class or function named in the file becomes an inert record: nothing is
imported or called. Modules are read by their `_parameters`, `_buffers` and `_modules`.

Supports torch's zip format (since 1.6) and the older stream of pickles and raw storages.
"""

import contextlib
import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_BFLOAT16 = "bfloat16"
_TYPES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": _BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


class Inert:
    """Inert record in place of any unknown class or function; stores its state only."""

    def __new__(cls, *args: Any, **keywords: Any) -> "Inert":  # noqa: ARG004
        """Create without calling anything; arguments are ignored."""
        return object.__new__(cls)

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Ignore all arguments."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Ignore an item of an unknown dictionary type."""

    def append(self, value: Any) -> None:
        """Ignore items of an unknown list type."""

    def extend(self, values: Any) -> None:
        """Ignore items of an unknown list type."""

    def __setstate__(self, state: Any) -> None:
        """Store the attributes, which contain the weights of modules."""
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update(part)


class Storage:
    """Storage of values of one dtype, filled when read."""

    def __init__(self, dtype: str, count: int) -> None:
        # numpy has no bfloat16: the upper half of a float32
        self.halved = dtype == _BFLOAT16
        self.dtype, self.count = np.dtype("<u2" if self.halved else dtype), count
        self.data: bytes | None = None


class Lazy:
    """A tensor whose storage is possibly not yet read."""

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self) -> np.ndarray[Any, Any]:
        """Return a copy of the values; ValueError if it exceeds the storage."""
        storage = self.storage
        if storage.data is None or len(storage.data) != storage.count * storage.dtype.itemsize:
            raise ValueError("a storage is missing or cut off")
        count = int(np.prod(self.size, dtype=object))
        last = self.offset + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))
        negative = min((self.offset, *self.size, *self.stride)) < 0
        if negative or count > storage.count or (count and last >= storage.count):
            raise ValueError("a tensor claims more than its storage holds")
        flat = np.frombuffer(storage.data, storage.dtype)
        steps = [step * storage.dtype.itemsize for step in self.stride]
        view = np.lib.stride_tricks.as_strided(flat[self.offset :] if count else flat[:0], self.size, steps)
        copied = np.array(view, order="C")  # safetensors needs contiguous memory
        return (copied.astype("<u4") << 16).view("<f4") if storage.halved else copied


def rebuild(storage: Storage, offset: int, size: Any, stride: Any, *rest: Any) -> Lazy:  # noqa: ARG001
    """Replace torch._utils._rebuild_tensor_v2."""
    return Lazy(storage, int(offset), tuple(map(int, size)), tuple(map(int, stride)))


def reconstruct(kind: Any, base: Any, state: Any) -> Any:  # noqa: ARG001
    """Replace copyreg._reconstructor, for inert types only."""
    return kind() if isinstance(kind, type) and issubclass(kind, Inert) else Inert()


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): rebuild,
    ("torch._utils", "_rebuild_tensor"): rebuild,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *rest: tensor,  # noqa: ARG005
    ("torch", "Size"): tuple,
    ("copyreg", "_reconstructor"): reconstruct,
    ("copy_reg", "_reconstructor"): reconstruct,
}


class InertUnpickler(pickle.Unpickler):
    """Unpickler for tensors and containers, with inert records for everything else."""

    def __init__(self, stream: IO[bytes], storages: dict[str, Storage]) -> None:
        super().__init__(stream, encoding="utf-8", errors="surrogateescape")
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        """Return an inert type; never import anything."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return _TYPES.get(name, name)
        return type(name.rpartition(".")[2] or "Inert", (Inert,), {})

    def persistent_load(self, pid: Any) -> Any:
        """Return a storage, or a module (with source code, in very old files)."""
        if not isinstance(pid, tuple) or pid[0] != "storage":
            return pid[1] if isinstance(pid, tuple) and pid[0] == "module" else Inert()
        _, dtype, key, _, count, *view = pid
        if dtype not in _TYPES.values():
            raise ValueError(f"numbers of type {dtype}")
        if view and view[0] is not None:
            raise ValueError("a storage that is a view of another")
        return self.storages.setdefault(str(key), Storage(dtype, int(count)))


def read(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read all tensors of a file, by keys joined with dots."""
    content = _read_zip(path) if _is_zip(path) else _read_stream(path)
    return {key: lazy.array() for key, lazy in _walk(content, "", set())}


def _is_zip(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"PK"


def _read_zip(path: Path) -> Any:
    storages: dict[str, Storage] = {}
    with zipfile.ZipFile(path) as archive:
        table = next(entry for entry in archive.namelist() if entry.endswith("/data.pkl"))
        folder = table.removesuffix("data.pkl")
        content = InertUnpickler(io.BytesIO(archive.read(table)), storages).load()
        for key, storage in storages.items():
            storage.data = archive.read(f"{folder}data/{key}")
    return content


def _read_stream(path: Path) -> Any:
    storages: dict[str, Storage] = {}
    with path.open("rb") as stream:
        first = InertUnpickler(stream, storages).load()
        if first != _MAGIC:
            raise ValueError("not a torch file")
        for _ in range(2):  # version and machine
            InertUnpickler(stream, storages).load()
        content = InertUnpickler(stream, storages).load()
        for key in InertUnpickler(stream, storages).load():
            (count,) = struct.unpack("<q", stream.read(8))
            storage = storages[str(key)]
            if count != storage.count:
                raise ValueError("a storage has another size than its tensors")
            storage.data = stream.read(count * storage.dtype.itemsize)
    return content


def _walk(content: Any, prefix: str, above: set[int]) -> list[tuple[str, Lazy]]:
    if isinstance(content, Lazy):
        return [(prefix, content)]
    if id(content) in above:  # recursive record
        return []
    if isinstance(content, dict):
        items = list(content.items())
    elif isinstance(content, list | tuple):
        items = list(enumerate(content))
    elif isinstance(content, Inert):
        held = [vars(content).get(name) for name in ("_parameters", "_buffers", "_modules")]
        items = [item for part in held if isinstance(part, dict) for item in part.items()]
    else:
        return []
    inside = above | {id(content)}
    return [found for key, value in items for found in _walk(value, f"{prefix}.{key}" if prefix else str(key), inside)]


def limit(megabytes: int, seconds: int) -> None:
    """Limit memory, CPU time and file size of this process, if supported."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        for what, most in (
            (resource.RLIMIT_CPU, seconds),
            (resource.RLIMIT_FSIZE, megabytes << 20),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_AS, megabytes << 20),
        ):
            resource.setrlimit(what, (most, most))


def main(words: list[str]) -> int:
    """Run `inert_unpickling.py FILE OUT MEGABYTES SECONDS`; return 0, or 1 with the reason on standard error."""
    source, target, megabytes, seconds = Path(words[0]), words[1], int(words[2]), int(words[3])
    from safetensors.numpy import save_file

    limit(megabytes, seconds)
    try:
        tensors = read(source)
        if not tensors:
            raise ValueError("no tensors in it")
        save_file(tensors, target)
    except Exception as error:  # noqa: BLE001 - any error caused by the file
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
