"""Resumable download of one file over http(s) or from an object store.

pooch does not replace it: it restarts interrupted downloads, has no folders of object stores (s3, gs by fsspec), and
checks a file's version (ETag) only by a checksum that must be known in advance.
"""

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, Any

from hilum.artifacts import write_json
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent

BLOCK = 1 << 20
TIMEOUT = 30.0


def download(
    url: str,
    part: Path,
    *,
    fix: str,
    what: str = "a file that can be fetched",
    versioned: bool = True,
    on_progress: ProgressReport = silent,
) -> None:
    """Download a file to `part`; a partial file of an interrupted call is continued.

    Args:
        url: URL of http, https, or any protocol that fsspec opens.
        part: Output file.
        fix: Advice if the download fails.
        what: Description of the file for messages.
        versioned: Continue only if the server confirms that the file is unchanged; False: a checksum will verify it.
        on_progress: Called with (MB available, MB in total, name of the file).

    Raises:
        HilumError: No network, no such file, a web page instead of a file, an interrupted connection.
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    if url.startswith(("http://", "https://")):
        _from_web(url, part, fix, what, versioned, on_progress)
    else:
        _from_store(url, part, fix, what, on_progress)


def failed(url: str, found: str, fix: str, what: str = "a file that can be fetched") -> HilumError:
    """Return the error of a failed download."""
    return HilumError(url, expected=what, found=found, fix=fix)


def _from_web(url: str, part: Path, fix: str, what: str, versioned: bool, on_progress: ProgressReport) -> None:
    version = _known_version(part) if versioned else None
    have = part.stat().st_size if part.is_file() and (version or not versioned) else 0
    quoted = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
    request = urllib.request.Request(quoted, headers={"User-Agent": "hilum", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    if have and version:
        request.add_header("If-Range", version)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if answer.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
                raise failed(url, "a web page instead of a file", fix, what)
            resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            have = have if resumed else 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else 0
            if versioned:
                _note_version(part, answer.headers.get("ETag") or answer.headers.get("Last-Modified"))
            with part.open("ab" if resumed else "wb") as stream:
                _copy(answer, stream, have, total, part.name.removesuffix(".part"), on_progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # complete already, or another file: the checksum, or the archive, will show
            return
        raise failed(url, f"HTTP {error.code} {error.reason}", fix, what) from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        raise failed(url, str(getattr(error, "reason", error)), fix, what) from error
    if total and part.stat().st_size < total:
        raise failed(url, f"interrupted after {part.stat().st_size:,} of {total:,} bytes", fix, what)


def _from_store(url: str, part: Path, fix: str, what: str, on_progress: ProgressReport) -> None:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(url)
        about: dict[str, Any] = files.info(path)
        total = int(about.get("size") or 0)
        version = str([about.get(key) for key in ("ETag", "etag", "mtime", "LastModified", "created", "size")])
        have = part.stat().st_size if part.is_file() and _known_version(part) == version else 0
        _note_version(part, version)
        with files.open(path, "rb") as answer, part.open("ab" if have else "wb") as stream:
            if have:
                answer.seek(have)
            _copy(answer, stream, have, total, part.name.removesuffix(".part"), on_progress)
    except ImportError as error:
        raise failed(url, str(error), "Install its package (s3://: s3fs, gs://: gcsfs).") from error
    except FileNotFoundError as error:
        raise failed(url, "no such file", fix, what) from error
    except Exception as error:
        if isinstance(error, HilumError):
            raise
        raise failed(url, f"{type(error).__name__}: {error}", fix, what) from error  # each store has its own errors
    if part.stat().st_size < total:
        raise failed(url, f"interrupted after {part.stat().st_size:,} of {total:,} bytes", fix, what)


def _copy(answer: IO[bytes], stream: IO[bytes], have: int, total: int, name: str, on_progress: ProgressReport) -> None:
    while block := answer.read(BLOCK):
        stream.write(block)
        have += len(block)
        on_progress(have // 10**6, max(total, have) // 10**6, name)


def _version_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version.json")


def _known_version(part: Path) -> str | None:
    path = _version_file(part)
    return str(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _note_version(part: Path, version: str | None) -> None:
    if version is None:
        _version_file(part).unlink(missing_ok=True)
    else:
        write_json(_version_file(part), version)
