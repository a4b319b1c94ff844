"""Archives and folders in the cache: complete, verified, fetched once, also if several processes ask for them."""

import errno
import json
import lzma
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from hilum.artifacts import file_sha256, locked, whole_directory, write_json
from hilum.data.fetching.address import ARCHIVES, Address
from hilum.data.fetching.download import BLOCK, download, failed
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent

CONTENT, RECORD, PART = "content", "fetched.json", "archive.part"
VERSIONS = "versions.json"
_OF_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
"""Files that operating systems add beside the single folder of an archive."""
WAIT_SECONDS = 24 * 3600.0
ANSWER_SECONDS = 5.0


def fetched(address: Address) -> Path | None:
    """Return the folder of an address in the cache; None if it was not fetched yet. Opens no connection.

    For an archive with a single folder, that folder.
    """
    if not (address.place / RECORD).is_file() or not (address.place / CONTENT).is_dir():
        return None
    inside = [path for path in (address.place / CONTENT).iterdir() if path.name not in _OF_SYSTEMS]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and address.is_archive else address.place / CONTENT


def fetch_address(address: Address, *, what: str, fix: str, on_progress: ProgressReport = silent) -> Path:
    """Fetch an archive or a folder, unless it is in the cache, and return its folder there.

    An interrupted call resumes when it is repeated. A second process waits for the first one.

    Args:
        address: URL and checksum.
        what: Description for messages: "data images".
        fix: Advice if the download fails: how to provide the files by hand.
        on_progress: Called with (MB or files available, in total, name).

    Raises:
        HilumError: Failed download, wrong checksum, invalid archive, a path outside of its folder, or not enough disk
            space.
    """
    if (found := fetched(address)) is not None:
        return found
    place = address.place
    _refuse_no_cache(place.parent)
    with locked(place, wait_seconds=WAIT_SECONDS):
        if (found := fetched(address)) is None:
            with whole_directory(place, resume=True) as beside:
                sha256 = (_archive if address.is_archive else _folder)(address, beside, what, fix, on_progress)
                came = datetime.now(UTC).date().isoformat()
                write_json(beside / RECORD, {"url": address.url, "sha256": sha256, "fetched": came})
            found = fetched(address)
    assert found is not None
    return found


def size_of_address(address: Address) -> int | None:
    """Return the size of an archive, bytes, as stated by its server; None if unknown, and for folders.

    Requests headers only, for a few seconds.
    """
    if not address.is_archive:
        return None
    try:
        if address.is_web:
            request = urllib.request.Request(
                address.url, method="HEAD", headers={"User-Agent": "hilum", "Accept-Encoding": "identity"}
            )
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                length = answer.headers.get("Content-Length")
                return int(length) if length else None
        import fsspec

        files, path = fsspec.core.url_to_fs(address.url)
        return int(files.info(path)["size"])
    except Exception:  # noqa: BLE001 - each store has its own errors; the size is optional
        return None


def _refuse_no_cache(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HilumError(
            folder,
            expected="a writable folder for fetched files",
            found=str(error),
            fix="Set HILUM_CACHE to another folder.",
        ) from error


def _archive(address: Address, beside: Path, what: str, fix: str, on_progress: ProgressReport) -> str:
    """Unpack an archive and return its SHA-256."""
    part = beside / PART
    size = size_of_address(address)
    if size is not None:
        _refuse_full(beside, size - (part.stat().st_size if part.is_file() else 0), what)
    download(address.url, part, fix=fix, on_progress=on_progress)
    found = file_sha256(part)
    if address.sha256 is not None and found != address.sha256:
        part.unlink()
        raise HilumError(
            f"{what}: {address.url}",
            expected=f"SHA-256 {address.sha256[:12]}…",
            found=f"{found[:12]}…",
            fix="The file is another version, or was damaged: try again, or correct sha256.",
        )
    content = beside / CONTENT
    shutil.rmtree(content, ignore_errors=True)
    content.mkdir()
    try:
        unpack = _unzip if address.name.lower().endswith(".zip") else _untar
        unpack(part, content, lambda size: _refuse_full(beside, size, what))
        if not any(content.iterdir()):
            raise zipfile.BadZipFile("an empty archive")
    except _NO_ARCHIVE as error:
        shutil.rmtree(content, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        part.unlink()
        raise HilumError(
            f"{what}: {address.url}",
            expected=f"an archive ({', '.join(ARCHIVES)}) with all files inside its folder",
            found=str(error) or type(error).__name__,
            fix=fix,
        ) from error
    for each in beside.glob(f"{PART}*"):
        each.unlink()
    return found


_NO_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    KeyError,
    RuntimeError,
    NotImplementedError,
)
"""Errors of the standard library for damaged archives, or content that this disk cannot store."""


def _unzip(path: Path, content: Path, refuse_full: Callable[[int], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        for entry in entries:
            _refuse_outside(entry.filename)
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise zipfile.BadZipFile(f"the link {entry.filename}")
        refuse_full(sum(entry.file_size for entry in entries))
        archive.extractall(content)


def _untar(path: Path, content: Path, refuse_full: Callable[[int], None]) -> None:
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        refuse_full(sum(member.size for member in members))
        archive.extractall(content, filter="data")  # refuses paths and links that leave the folder, and devices
        rest = archive.fileobj
        while rest is not None and rest.read(BLOCK):  # reading to the end verifies the checksum
            pass


def _refuse_outside(name: str) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]):
        raise zipfile.BadZipFile(f"the path {name}")


def _folder(address: Address, beside: Path, what: str, fix: str, on_progress: ProgressReport) -> None:
    """Fetch the current files of a folder; files of an interrupted call are kept if unchanged."""
    import fsspec

    try:
        files, root = fsspec.core.url_to_fs(address.url)
        root = str(root).rstrip("/")
        there: dict[str, Any] = {} if files.isfile(root) else files.find(root, detail=True)
    except ImportError as error:
        raise failed(address.url, str(error), "Install its package (s3://: s3fs, gs://: gcsfs).") from error
    except Exception as error:
        raise failed(address.url, f"{type(error).__name__}: {error}", fix) from error
    if not there:
        raise failed(address.url, f"no folder with files, and no archive ({', '.join(ARCHIVES)})", fix)
    if link := next((path for path, about in there.items() if about.get("islink")), None):
        raise failed(address.url, f"the link {link}", fix)
    content = beside / CONTENT
    try:
        _keep_unchanged(beside, {_below(path, root): _version_of(about) for path, about in there.items()})
        missing = {path: about for path, about in there.items() if not (content / _below(path, root)).is_file()}
    except zipfile.BadZipFile as error:
        raise failed(address.url, str(error), fix) from error
    _refuse_full(beside, sum(int(about.get("size") or 0) for about in missing.values()), what)
    protocol = address.url.partition("://")[0]
    for number, path in enumerate(sorted(missing), start=len(there) - len(missing) + 1):
        target = content / _below(path, root)
        part = beside / "parts" / target.relative_to(content)
        download(f"{protocol}://{path}", part, fix=fix)
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
        on_progress(number, len(there), target.name)
    shutil.rmtree(beside / "parts", ignore_errors=True)


def _keep_unchanged(beside: Path, versions: dict[str, str]) -> None:
    """Delete files of an interrupted call that changed or vanished at the source, and record the versions."""
    note, content = beside / VERSIONS, beside / CONTENT
    before = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    for path in content.rglob("*"):
        relative = path.relative_to(content).as_posix()
        if path.is_file() and before.get(relative) != versions.get(relative, ""):
            path.unlink()
    write_json(note, versions)


def _version_of(about: Mapping[str, Any]) -> str:
    return str([about.get(key) for key in ("size", "ETag", "etag", "mtime", "LastModified", "updated", "md5Hash")])


def _below(path: str, root: str) -> str:
    relative = path.removeprefix(root).lstrip("/")
    _refuse_outside(relative)
    return relative


def _refuse_full(folder: Path, size: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if size > free:
        raise HilumError(
            what,
            expected=f"{size / 1e9:.1f} GB of free disk at {folder.parent}",
            found=f"{free / 1e9:.1f} GB",
            fix="Make room, or set HILUM_CACHE to a folder on a larger disk.",
        )
