"""Download of weight files: resumable, checked and atomic."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from hilum.data.fetching.download import BLOCK, download
from hilum.encoders.published.registry import PublishedWeights, Source
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent


@dataclass(frozen=True)
class Digests:
    """Checksums of a file, hex."""

    sha256: str
    md5: str

    def are_of(self, source: Source) -> bool | None:
        """Return whether they are the published ones; None if none are published."""
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
    """Return the file of published weights in the weights folder; download it if missing.

    An interrupted download (`FILE.part`) is resumed if the server supports it.

    Args:
        row: Row of the registry.
        folder: Weights folder.
        on_progress: Called with (MB downloaded, total MB, file name).

    Raises:
        HilumError: No address, no network, a web page instead of a file, or another checksum.
    """
    target = folder / row.source.file
    if target.is_file():
        check(row.source, target)
        return target
    if row.source.url is None:
        raise missing_file(row, folder)
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    fix = f"{missing_file(row, folder).fix} A partial download is kept and resumed."
    what = f"the file {row.source.file}"
    download(row.source.url, part, fix=fix, what=what, versioned=False, on_progress=on_progress)
    try:
        check(row.source, part)
    except HilumError:
        part.unlink()  # complete, but another file: cannot be resumed
        raise
    part.replace(target)
    return target


def check(source: Source, path: Path) -> str:
    """Check a file's size and checksums against the published ones.

    Returns:
        SHA-256 of the file, hex.

    Raises:
        HilumError: Another size or checksum.
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
    """Return the error of a file that is missing in the weights folder, with instructions to get it."""
    source = row.source
    where = f"from {source.url}" if source.url else f"from {source.page}"
    steps = [f"Get it {where} and put it as {folder / source.file}."]
    if source.note:
        steps.append(source.note)
    if source.url:
        steps.append(f"Or, with a network, run `hilum weights fetch {row.name}`.")
    return HilumError(f"weights {row.name}", expected=source.file, found=f"not in {folder}", fix=" ".join(steps))


def digests_of(path: Path) -> Digests:
    """Compute SHA-256 and MD5 of a file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    return Digests(sha256.hexdigest(), md5.hexdigest())


def _not_the_file(path: Path, expected: str, found: str) -> HilumError:
    fix = (
        "This is not the published file: another one of the same name, or a damaged one. "
        f"`hilum weights verify {path}` shows which."
    )
    return HilumError(path, expected=expected, found=found, fix=fix)
