"""Download of data sets and weights that a study file gives by URL."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from hilum.data.fetching import (
    Address,
    cache_folder,
    fetch_address,
    fetched,
    is_address,
    parse_address,
    size_of_address,
)
from hilum.encoders.published import describe_weights
from hilum.progress import ShowProgress, quiet
from hilum.study.file import Study


@dataclass(frozen=True)
class Download:
    """A data set or weights given by URL.

    Attributes:
        title: Title: "data set images", or "weights of a, b".
        address: URL and checksum.
        data: Name of the data set; None for weights.
        encoders: Encoder of each arm that uses the weights; empty for data.
    """

    title: str
    address: Address
    data: str | None = None
    encoders: tuple[str, ...] = ()

    @property
    def by_hand(self) -> str:
        """Suggested fix if the download fails."""
        if self.data is not None:
            return (
                f"The partial download is kept. Without a network, unpack it by hand and add --data {self.data}=FOLDER."
            )
        return "The partial download is kept. Without a network, unpack it by hand and name the directory instead."


def downloads_of(study: Study, roots: Mapping[str, Path]) -> list[Download]:
    """Return the downloads of a study: data sets by URL without a folder in `roots`, and weights by URL.

    Args:
        study: The study.
        roots: Folders of data sets by name.
    """
    found = [
        Download(f"data set {name}", data.address, data=name)
        for name, data in study.data.items()
        if data.address is not None and name not in roots
    ]
    arms: dict[str, list[str]] = {}
    for arm in study.arms:
        weights = study.weights_of(arm)
        if is_address(weights):
            arms.setdefault(str(weights), []).append(arm)
    for text, names in arms.items():
        encoders = tuple(study.arms[arm].encoder for arm in names)
        found.append(Download(f"weights of {', '.join(names)}", parse_address(text), encoders=encoders))
    return found


def available_roots(study: Study, roots: Mapping[str, Path]) -> dict[str, Path]:
    """Return the folders of data sets that are given or already downloaded; opens no connection."""
    return {**roots, **dict(_fetched_roots(study, roots))}


def fetch_missing(study: Study, roots: Mapping[str, Path], progress: ShowProgress = quiet) -> dict[str, Path]:
    """Download what a study gives by URL and is not on this machine; return the folders of its data sets.

    Args:
        study: The study.
        roots: Folders of data sets by name; these are not downloaded.
        progress: Shows the progress of each download.

    Raises:
        HilumError: A download fails, or weights belong to another encoder.
    """
    for each in downloads_of(study, roots):
        if fetched(each.address) is None:
            with progress(f"fetch {each.title}") as report:
                fetch_address(each.address, what=each.title, fix=each.by_hand, on_progress=report)
        for encoder in each.encoders:
            describe_weights(str(each.address), encoder)  # refuses weights of another encoder
    return available_roots(study, roots)


def fetching_rows(study: Study, roots: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return a row per download: `title, url, here, there, bytes` (None if unknown), `place`."""
    rows = []
    for each in downloads_of(study, roots):
        here = fetched(each.address) is not None
        size = None if here else size_of_address(each.address)
        there = not each.address.url.startswith("file://") or Path(urlsplit(each.address.url).path).exists()
        row = {"title": each.title, "url": each.address.url, "here": here, "there": here or there, "bytes": size}
        rows.append(row | {"place": str(each.address.place)})
    return rows


def free_disk(folder: Path | None = None) -> int:
    """Return the free disk space in bytes at a folder, which may not exist yet; by default at the cache."""
    place = folder or cache_folder()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _fetched_roots(study: Study, roots: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for each in downloads_of(study, roots):
        if each.data is not None and (found := fetched(each.address)) is not None:
            yield each.data, found
