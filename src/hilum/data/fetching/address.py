"""Addresses: URLs with checksums, and their places in the cache. No connection is opened."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from hilum.data.paths import user_cache

VARIABLE = "HILUM_CACHE"
PROTOCOLS = ("https", "http", "s3", "gs", "file", "memory")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FRAGMENT = "#sha256="
_SECRET = ("sig", "token", "access_token", "x-amz-security-token", "key", "password")
"""Query parameters that grant access and do not belong in shared files."""


@dataclass(frozen=True)
class Address:
    """Archive or folder to fetch.

    Attributes:
        url: URL of an archive, or of a folder that can be listed (not over http).
        sha256: SHA-256 of the archive, hex; None if unknown.
    """

    url: str
    sha256: str | None = None

    def __post_init__(self) -> None:
        scheme, colon, rest = self.url.partition("://")
        object.__setattr__(self, "url", f"{scheme.lower()}{colon}{rest}")
        object.__setattr__(self, "sha256", self.sha256.lower() if self.sha256 else None)

    @property
    def is_archive(self) -> bool:
        """True for one file to unpack, false for a folder."""
        return urlsplit(self.url).path.lower().endswith(ARCHIVES)

    @property
    def is_web(self) -> bool:
        """True for http and https."""
        return self.url.startswith(("http://", "https://"))

    @property
    def name(self) -> str:
        """Last part of the URL's path."""
        return urlsplit(self.url).path.rstrip("/").rpartition("/")[2] or "content"

    @property
    def place(self) -> Path:
        """Directory in the cache."""
        stem = re.sub(r"[^\w-]+", "-", self.name.partition(".")[0])[:40].strip("-") or "content"
        return cache_folder() / f"{stem}-{hashlib.sha256(str(self).encode()).hexdigest()[:16]}"

    def __str__(self) -> str:
        """URL with its checksum, as `parse_address` reads it."""
        return self.url if self.sha256 is None else f"{self.url}{_FRAGMENT}{self.sha256}"


def is_address(text: object) -> bool:
    """Return true for a URL, false for a path or name."""
    return isinstance(text, str) and "://" in text


def parse_address(text: str) -> Address:
    """Parse a URL with an optional `#sha256=HEX`."""
    url, _, sha256 = text.partition(_FRAGMENT)
    return Address(url, sha256)


def address_problem(text: str, *, checksum_needed: bool = False) -> str | None:
    """Return the problem of an address, and its solution; None for a valid address.

    Args:
        text: Text for `parse_address`.
        checksum_needed: Require a checksum, as for weights.
    """
    address = parse_address(text)
    parts = urlsplit(address.url)
    if parts.scheme not in PROTOCOLS:
        return f"{parts.scheme or text!r} is not one of {', '.join(f'{each}://' for each in PROTOCOLS[:-1])}"
    if not (parts.netloc if parts.scheme != "file" else parts.path.strip("/")):
        return f"{address.url} names no {'file' if parts.scheme == 'file' else 'host or bucket'}"
    if parts.password is not None or parts.username is not None:
        return "a study file must not hold a password; download it by hand, or use s3 and gs with their environment"
    if any("signature" in key or key in _SECRET for key in parse_qs(parts.query.lower(), keep_blank_values=True)):
        return "a signed URL is a password, and expires; download it by hand, or use the s3:// or gs:// address"
    if address.sha256 is not None and not _SHA256.fullmatch(address.sha256):
        return f"sha256 is not a checksum of 64 hexadecimal digits: {address.sha256[:80]!r}"
    if address.sha256 is not None and not address.is_archive:
        return f"a folder has no checksum; use an archive ({', '.join(ARCHIVES)})"
    if address.is_web and not address.is_archive:
        return f"over {parts.scheme} only an archive can be fetched ({', '.join(ARCHIVES)})"
    if checksum_needed and address.sha256 is None:
        return "weights from a URL need a checksum; add sha256 (`sha256sum FILE` prints it)"
    return None


def cache_folder() -> Path:
    """Return the cache: the environment variable HILUM_CACHE, else a folder in the user's cache."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser().absolute()
    return user_cache("fetched")
