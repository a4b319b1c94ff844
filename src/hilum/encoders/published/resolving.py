"""Resolution of weights by name, directory or address, and their description."""

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
    """Description of weights without loading them.

    Attributes:
        title: Short title.
        source: Address or directory.
        licence: Licence of the weights; empty for own runs.
        method: Training method.
        trained_on: Provenance claims of the authors.
        training_patients: Training patients of own runs (`hilum.encoders.ledger`).
        here: True if they are on this machine, imported or not.
        image_size: Side of the training views in px.
        preprocessing: Preprocessing steps of own runs, as on cards; empty if not known.
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
    """Describe published weights by name, or weights of a run by directory, without importing torch.

    Args:
        name_or_path: A name of the registry, a shorthand ("imagenet1k"), a directory with a card, or the address of an
            archive of such a directory (`hilum.data.fetching`).
        encoder: Required encoder.
        weights_dir: Weights folder; see `hilum.encoders.published.folder.weights_folder`.

    Raises:
        HilumError: Unknown name or directory, or weights of another encoder.
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
        # an imported file may be unverified
        trained_on=read_card(ready).statements if ready else statements_of(row),
        training_patients=[],
        here=ready is not None or (folder / row.source.file).is_file(),
        image_size=row.image_size,
        preprocessing=[],
    )


def resolve_weights(name_or_path: str | Path, encoder: str, weights_dir: Path | None = None) -> Path:
    """Return the directory with `encoder.safetensors` and `card.json` of weights; import a published file if needed.

    Nothing is downloaded.

    Args:
        name_or_path: As in `describe_weights`.
        encoder: Required encoder.
        weights_dir: Weights folder.

    Raises:
        HilumError: As `describe_weights`; or the file is missing in the weights folder.
    """
    if is_address(name_or_path):
        address = parse_address(str(name_or_path))
        if (found := fetched(address)) is None:
            raise HilumError(
                f"weights {address.url}",
                expected=f"the download of `hilum study fetch`, in {address.place}",
                found="nothing",
                fix=f"Run that command, on every machine or with {VARIABLE} set to a shared folder.",
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
    """Import a published file under its name; return the encoder's directory.

    Args:
        name: Name of the registry.
        path: File in any of the row's layouts, or folder in Hugging Face's format.
        weights_dir: Weights folder.
        out: Output directory; by default in the weights folder.
        unpickle: Extract tensors from pickled objects, in a sandboxed process.
        anyway: Accept the file as the published one, whatever its name, checksum and classifier.

    Raises:
        HilumError: Another or damaged file, or other weights.
    """
    from hilum.encoders.published.importing import (  # here, since describe_weights needs no torch
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
            fix="Pack the output of a pretraining or of `hilum weights import`.",
        )
    return folder


def _is_name(name_or_path: str | Path) -> bool:
    """Return whether it is a published name, which has priority; ./NAME is always a directory."""
    text = str(name_or_path)
    return is_published(text) or not ("/" in text or Path(text).is_dir())


def _check_encoder(directory: Path, found: str, expected: str) -> None:
    if found != expected:
        raise HilumError(directory, expected=f"weights of {expected}", found=f"weights of {found}", fix="Name those.")
