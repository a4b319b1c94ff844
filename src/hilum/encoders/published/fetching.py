"""Downloading a weights file: resumed where it broke off, checked, and complete or absent."""

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
    fix = f"{missing_file(row, folder).fix} What came so far is kept and gone on with."
    what = f"the file {row.source.file}"
    download(row.source.url, part, fix=fix, what=what, versioned=False, on_progress=on_progress)
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


def digests_of(path: Path) -> Digests:
    """SHA-256 and MD5 of a file."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    return Digests(sha256.hexdigest(), md5.hexdigest())


def _not_the_file(path: Path, expected: str, found: str) -> HilumError:
    fix = (
        "This is not the file that its authors publish: another one under its name, or a damaged one. "
        f"`hilum weights verify {path}` says which."
    )
    return HilumError(path, expected=expected, found=found, fix=fix)
