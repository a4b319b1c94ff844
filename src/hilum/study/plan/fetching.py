"""What a study names by URL: what of it is here, and fetching the rest."""

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
    """Something that a study names by URL.

    Attributes:
        title: in words: "data set images", or "weights of arms a, b".
        address: where it is.
        data: name of the data set; None for weights.
        encoders: that weights have to be of, one for each arm; empty for data.
    """

    title: str
    address: Address
    data: str | None = None
    encoders: tuple[str, ...] = ()

    @property
    def by_hand(self) -> str:
        """How it can be given where it cannot be fetched."""
        if self.data is not None:
            return f"What came so far is kept. Without a network, unpack it by hand and add --data {self.data}=FOLDER."
        return "What came so far is kept. Without a network, unpack it by hand and name the directory instead."


def downloads_of(study: Study, roots: Mapping[str, Path]) -> list[Download]:
    """Everything that a study names by URL and that `roots` do not give, each once.

    Args:
        study: the study.
        roots: folders of data sets that are given by hand.
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
    """Folders of data sets: those that are given, and those that were fetched before. Opens no connection."""
    return {**roots, **dict(_fetched_roots(study, roots))}


def fetch_missing(study: Study, roots: Mapping[str, Path], progress: ShowProgress = quiet) -> dict[str, Path]:
    """Fetch what a study names by URL and is not here, each once, and give the folders of its data sets.

    Args:
        study: the study.
        roots: folders of data sets that are given by hand: these are not fetched.
        progress: shows each.

    Raises:
        HilumError: something cannot be fetched, or is not what the study means.
    """
    for each in downloads_of(study, roots):
        if fetched(each.address) is None:
            with progress(f"fetch {each.title}") as report:
                fetch_address(each.address, what=each.title, fix=each.by_hand, on_progress=report)
        for encoder in each.encoders:
            describe_weights(str(each.address), encoder)  # refuses weights of another encoder now
    return available_roots(study, roots)


def fetching_rows(study: Study, roots: Mapping[str, Path]) -> list[dict[str, Any]]:
    """What a plan says of each: `title, url, here, bytes` (of an archive, where its server states them), `place`."""
    rows = []
    for each in downloads_of(study, roots):
        here = fetched(each.address) is not None
        size = None if here else size_of_address(each.address)
        there = not each.address.url.startswith("file://") or Path(urlsplit(each.address.url).path).exists()
        row = {"title": each.title, "url": each.address.url, "here": here, "there": here or there, "bytes": size}
        rows.append(row | {"place": str(each.address.place)})
    return rows


def free_disk(folder: Path | None = None) -> int:
    """Bytes that are free where a folder is, or will be; of the cache by default."""
    place = folder or cache_folder()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _fetched_roots(study: Study, roots: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for each in downloads_of(study, roots):
        if each.data is not None and (found := fetched(each.address)) is not None:
            yield each.data, found
