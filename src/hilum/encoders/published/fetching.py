"""Downloading a weights file: resumed where it broke off, checked, and complete or absent."""

import hashlib
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hilum.encoders.published.registry import PublishedWeights, Source
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent

_BLOCK = 1 << 20
_TIMEOUT = 30.0


@dataclass(frozen=True)
class Digests:
    """Checksums of a file, hex."""

    sha256: str
    md5: str

    def are_of(self, source: Source) -> bool | None:
        """Whether they are the published ones; None where none are published."""
        known = [
            found.startswith(published)
            for published, found in (
                (source.sha256 or source.sha256_begins, self.sha256),
                (source.md5_begins, self.md5),
            )
            if published is not None
        ]
        return all(known) if known else None


def fetch(row: PublishedWeights, folder: Path, *, on_progress: ProgressReport = silent) -> Path:
    """The file of published weights in the weights folder, downloaded unless it is there.

    What an interrupted download left (`FILE.part`) is gone on with where the server allows it.

    Args:
        row: of the registry.
        folder: the weights folder.
        on_progress: called with (MB here, MB in all, file name).

    Raises:
        HilumError: nothing to download from, no network, a page instead of a file, another checksum.
    """
    target = folder / row.source.file
    if target.is_file():
        check(row.source, target)
        return target
    if row.source.url is None:
        raise missing_file(row, folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    _download(row, row.source.url, part, folder, on_progress)
    try:
        check(row.source, part)
    except HilumError:
        part.unlink()  # whole, and not the file: nothing to go on with
        raise
    part.replace(target)
    return target


def check(source: Source, path: Path) -> str:
    """Compare a file with what its authors publish of it.

    Returns:
        Its SHA-256, hex.

    Raises:
        HilumError: another size or checksum.
    """
    size = path.stat().st_size
    if source.size is not None and size != source.size:
        raise _not_the_file(path, f"{source.size:,} bytes", f"{size:,}")
    digests = digests_of(path)
    for name, known, found in (
        ("SHA-256", source.sha256 or source.sha256_begins, digests.sha256),
        ("MD5", source.md5_begins, digests.md5),
    ):
        if known is not None and not found.startswith(known):
            raise _not_the_file(path, f"{name} {known[:12]}…", f"{found[:12]}…")
    return digests.sha256


def missing_file(row: PublishedWeights, folder: Path) -> HilumError:
    """What to say where a file is not in the weights folder and was not, or cannot be, downloaded."""
    source = row.source
    where = f"from {source.url}" if source.url else f"from {source.page}"
    steps = [f"Get it {where} and put it as {folder / source.file}."]
    if source.note:
        steps.append(source.note)
    if source.url:
        steps.append(f"Or, with a network, run `hilum weights fetch {row.name}`.")
    return HilumError(f"weights {row.name}", expected=source.file, found=f"not in {folder}", fix=" ".join(steps))


def _download(row: PublishedWeights, url: str, part: Path, folder: Path, on_progress: ProgressReport) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "hilum", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
            if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
                raise _failed(row, folder, url, "a web page instead of a file")
            resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else 0
            with part.open("ab" if resumed else "wb") as stream:
                _copy(answer, stream, have, total, row.source.file, on_progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # the part is whole already, or of another file; the checksum will tell
            return
        raise _failed(row, folder, url, f"HTTP {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise _failed(row, folder, url, str(getattr(error, "reason", error))) from error
    if total and part.stat().st_size < total:
        raise _failed(row, folder, url, f"broke off after {part.stat().st_size:,} of {total:,} bytes")


def _copy(answer: IO[bytes], stream: IO[bytes], have: int, total: int, name: str, on_progress: ProgressReport) -> None:
    while block := answer.read(_BLOCK):
        stream.write(block)
        have += len(block)
        on_progress(have // 10**6, max(total, have) // 10**6, name)


def _failed(row: PublishedWeights, folder: Path, url: str, found: str) -> HilumError:
    fix = f"{missing_file(row, folder).fix} What came so far is kept and gone on with."
    return HilumError(url, expected=f"the file {row.source.file}", found=found, fix=fix)


def digests_of(path: Path) -> Digests:
    """SHA-256 and MD5 of a file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
    return Digests(sha256.hexdigest(), md5.hexdigest())


def _not_the_file(path: Path, expected: str, found: str) -> HilumError:
    fix = (
        "This is not the file that its authors publish: another one under its name, or a damaged one. "
        f"`hilum weights verify {path}` says which."
    )
    return HilumError(path, expected=expected, found=found, fix=fix)
