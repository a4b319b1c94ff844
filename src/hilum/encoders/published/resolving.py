"""From the name of published weights, or a directory, to an encoder's directory and to what is known of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum.data.fetching import VARIABLE, Address, fetched, is_address, parse_address
from hilum.encoders.card import read_card
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published.fetching import missing_file
from hilum.encoders.published.folder import find_imported, imported_directory, remember_checksum, weights_folder
from hilum.encoders.published.registry import find_weights, is_published, statements_of
from hilum.encoders.statements import Statement
from hilum.errors import HilumError


@dataclass(frozen=True)
class WeightsDescription:
    """What is known of weights without loading them.

    Attributes:
        title: in a few words.
        source: the address, or the directory.
        licence: of the weights; empty for own runs.
        method: how they were trained.
        trained_on: what their authors say that they were trained on.
        training_patients: of own runs, every patient (`hilum.encoders.ledger`).
        here: whether they are on this machine, ready or to be imported.
        image_size: side of the views that they were trained on, in px.
        preprocessing: steps of the images that own runs have seen, as cards have them; empty where that is not known.
    """

    title: str
    source: str
    licence: str
    method: str
    trained_on: list[Statement]
    training_patients: list[str]
    here: bool
    image_size: int
    preprocessing: list[Any]


def describe_weights(name_or_path: str | Path, encoder: str, weights_dir: Path | None = None) -> WeightsDescription:
    """Describe published weights by name, or weights of a run by directory; imports no torch.

    Args:
        name_or_path: a name of the registry, a shorthand ("imagenet1k"), a directory with a card, or the address of an
            archive of such a directory (`hilum.data.fetching`).
        encoder: that they have to be of.
        weights_dir: the weights folder; see `hilum.encoders.published.folder.weights_folder`.

    Raises:
        HilumError: no such name or directory, or weights of another encoder.
    """
    if is_address(name_or_path):
        address = parse_address(str(name_or_path))
        if (found := fetched(address)) is None:
            return WeightsDescription(
                title=address.name,
                source=address.url,
                licence="",
                method="not known before it is fetched",
                trained_on=[Statement(certainty="unknown", source=address.url)],
                training_patients=[],
                here=False,
                image_size=ARCHITECTURES[encoder].size,
                preprocessing=[],
            )
        return replace(describe_weights(_encoder_in(found, address), encoder), source=address.url)
    if not _is_name(name_or_path):
        card = read_card(Path(name_or_path))
        _check_encoder(Path(name_or_path), card.encoder, encoder)
        return WeightsDescription(
            title=card.method,
            source=str(name_or_path),
            licence=str(card.settings.get("licence", "")),
            method=card.method,
            trained_on=card.statements,
            training_patients=card.training_patients,
            here=True,
            image_size=card.image_size,
            preprocessing=card.preprocessing,
        )
    row, folder = find_weights(str(name_or_path), encoder), weights_folder(weights_dir)
    ready = find_imported(folder, row)
    return WeightsDescription(
        title=row.title,
        source=row.source.url or row.source.page,
        licence=row.licence,
        method=row.method,
        # What was imported may be less certainly the published file than its name says.
        trained_on=read_card(ready).statements if ready else statements_of(row),
        training_patients=[],
        here=ready is not None or (folder / row.source.file).is_file(),
        image_size=row.image_size,
        preprocessing=[],
    )


def resolve_weights(name_or_path: str | Path, encoder: str, weights_dir: Path | None = None) -> Path:
    """The directory with `encoder.safetensors` and `card.json` of weights; imports a published file if need be.

    Nothing is downloaded: a study runs on what is there.

    Args:
        name_or_path: as in `describe_weights`.
        encoder: that they have to be of.
        weights_dir: the weights folder.

    Raises:
        HilumError: as `describe_weights`; or the file is not in the weights folder, and where to get it.
    """
    if is_address(name_or_path):
        address = parse_address(str(name_or_path))
        if (found := fetched(address)) is None:
            raise HilumError(
                f"weights {address.url}",
                expected=f"what `hilum study fetch` gets, in {address.place}",
                found="nothing there",
                fix=f"Run that command, on every machine or with {VARIABLE} set to a folder that all of them share.",
            )
        return resolve_weights(_encoder_in(found, address), encoder)
    if not _is_name(name_or_path):
        directory = Path(name_or_path)
        _check_encoder(directory, read_card(directory).encoder, encoder)
        return directory
    row, folder = find_weights(str(name_or_path), encoder), weights_folder(weights_dir)
    if (ready := find_imported(folder, row)) is not None:
        return ready
    path = folder / row.source.file
    if not path.is_file():
        raise missing_file(row, folder)
    return import_weights(row.name, path, weights_dir=weights_dir)


def import_weights(
    name: str,
    path: Path,
    *,
    weights_dir: Path | None = None,
    out: Path | None = None,
    unpickle: bool = False,
    anyway: bool = False,
) -> Path:
    """Import a published file under its name; the encoder's directory.

    Args:
        name: of the registry.
        path: the file, or a folder as Hugging Face lays it out; it may come in any of the layouts that the row names.
        weights_dir: the weights folder.
        out: directory to make; in the weights folder by default.
        unpickle: take tensors out of pickled objects, in a sandboxed process.
        anyway: take it for the published file, whatever its name, its checksum and its classifier say.

    Raises:
        HilumError: not the file, damaged, or not these weights.
    """
    from hilum.encoders.published.importing import (  # torch, which describing does without
        load_file,
        published_classifier,
        write_imported,
    )
    from hilum.encoders.published.reading import checkpoint_in

    row, folder, path = find_weights(name), weights_folder(weights_dir), checkpoint_in(path)
    if not path.is_file():
        raise HilumError(path, expected="a checkpoint", found="no such file", fix="Check the path.")
    encoder, report = load_file(row, path, unpickle=unpickle, anyway=anyway)
    remember_checksum(folder, row, report.sha256, report.layout, report.known_by)
    directory = out or imported_directory(folder, row.name, report.sha256)
    classifier = None if anyway else published_classifier(row, path, report.layout, unpickle=unpickle)
    write_imported(row, encoder, report, directory, classifier)
    return directory


def _encoder_in(folder: Path, address: Address) -> Path:
    if not (folder / "card.json").is_file():
        raise HilumError(
            f"weights {address.url}",
            expected="an archive of a directory with encoder.safetensors and card.json",
            found=", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing",
            fix="Pack what a pretraining leaves, or what `hilum weights import` makes.",
        )
    return folder


def _is_name(name_or_path: str | Path) -> bool:
    """Published names go before directories; ./NAME means the directory."""
    text = str(name_or_path)
    return is_published(text) or not ("/" in text or Path(text).is_dir())


def _check_encoder(directory: Path, found: str, expected: str) -> None:
    if found != expected:
        raise HilumError(directory, expected=f"weights of {expected}", found=f"weights of {found}", fix="Name those.")
