"""Import of published weight files as encoders; completely or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hilum.artifacts import whole_directory, write_json
from hilum.encoders.card import Card
from hilum.encoders.positions import resize_positions
from hilum.encoders.published.classifiers import classifier_in, write_classifier_beside
from hilum.encoders.published.fetching import digests_of
from hilum.encoders.published.fitting import no_layout_fits, which_fits_instead
from hilum.encoders.published.identity import KnownBy, check_classifier, known_by, statements_for
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.published.key_maps.layout import Layout, Mapped, format_shape, map_keys, some
from hilum.encoders.published.reading import read_tensors
from hilum.encoders.published.registry import PublishedWeights, digest_of, statements_of
from hilum.encoders.published.soundness import check_numbers, check_rotary
from hilum.encoders.published.unpickling import unpickled_tensors
from hilum.encoders.statements import Statement
from hilum.encoders.stem import fold_gray
from hilum.encoders.weightless import undrawn
from hilum.encoders.weights import write_encoder
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumErrors
from hilum.notes import Code, Note, note, notes_as_data

REPORT = "import.json"


@dataclass(frozen=True)
class ImportReport:
    """Report of an import.

    Attributes:
        name: Name of the weights.
        file: File name.
        sha256: SHA-256 of the file.
        layout: Native key layout.
        used: Number of tensors that are used.
        dropped: Number of tensors that are not used, by reason.
        neutral: Keys of the encoder that such files lack, set to neutral values.
        notes: Changes: folded stem, resized position embeddings.
        known_by: Verification of the file; "" for own weights.
        digest: Digest of row and import version (`hilum.encoders.published.registry.digest_of`).
    """

    name: str
    file: str
    sha256: str
    layout: str
    used: int
    dropped: dict[str, int]
    neutral: list[str]
    notes: list[Note]
    known_by: KnownBy | Literal[""] = ""
    digest: str = ""

    def as_lines(self) -> list[str]:
        """Return the report as lines of text."""
        lines = [f"{self.used:,} tensors of {self.file} ({self.layout}) used in the encoder"]
        lines += [f"{count:,} not used: {why}" for why, count in self.dropped.items()]
        if self.neutral:
            shown = ", ".join(self.neutral[:2])
            lines.append(f"{len(self.neutral):,} that such files lack set to neutral values: {shown}…")
        if self.known_by == "word":
            lines.append(
                "not verified: only --as declares this to be the published file, so its training data counts as not "
                "known. To vouch for it, import with --anyway"
            )
        return [*lines, *map(str, self.notes)]


def load_file(
    row: PublishedWeights, path: Path, *, unpickle: bool = False, anyway: bool = False
) -> tuple[Encoder, ImportReport]:
    """Load the encoder of a published file, with a report; writes nothing.

    Keys and values are checked before the identity of the file.

    Args:
        row: Row of the registry.
        path: File.
        unpickle: Extract tensors from pickled objects, in a sandboxed process.
        anyway: Accept the file as the row's, whatever its name, checksum and classifier.

    Raises:
        HilumError: The file cannot be read, is not the published one, or does not match the row's encoder.
    """
    tensors = unpickled_tensors(path) if unpickle else read_tensors(path)
    digests = digests_of(path)
    layout = layout_of(row, tensors, path)
    if layout == row.layouts[0] and digests.are_of(row.source) is False and not _bears_published_name(row, path):
        # The checksum is that of the first layout; another may have the same keys.
        layout = next((name for name in row.layouts[1:] if LAYOUTS[name].fits(tensors)), layout)
    encoder, report = encoder_of(row, tensors, path, layout, digests.sha256)
    known = known_by(row, layout, path, digests, anyway=anyway)
    check_classifier(row, LAYOUTS[layout], tensors, path, anyway=anyway)
    return encoder, replace(report, known_by=known, digest=digest_of(row))


def published_classifier(
    row: PublishedWeights, path: Path, layout: str, *, unpickle: bool = False
) -> dict[str, Tensor] | None:
    """Return the classifier of a published file; None if the row has no findings.

    Args:
        row: Row of the registry.
        path: File.
        layout: Layout of the file.
        unpickle: As in `load_file`.

    Raises:
        HilumError: The file has no such classifier.
    """
    if not row.findings:
        return None
    tensors = unpickled_tensors(path) if unpickle else read_tensors(path)
    return classifier_in(LAYOUTS[layout], tensors, row.findings, path)


def write_imported(
    row: PublishedWeights,
    encoder: Encoder,
    report: ImportReport,
    directory: Path,
    classifier: Mapping[str, Tensor] | None = None,
) -> None:
    """Create a directory with `encoder.safetensors`, `card.json`, `import.json` and, if given, the classifier."""
    settings = {
        "weights": row.name,
        "file": report.file,
        "file_sha256": report.sha256,
        "known_by": report.known_by,
        "licence": row.licence,
    }
    card = imported_card(row, encoder, settings, statements_for(statements_of(row), report.known_by))
    write_directory(encoder, card, report, directory, classifier, row.findings)


def imported_card(
    row: PublishedWeights,
    encoder: Encoder,
    settings: dict[str, Any],
    statements: Sequence[Statement],
    training_patients: Sequence[str] = (),
) -> Card:
    """Return the card of imported weights.

    Args:
        row: Row of the registry, or of own weights.
        encoder: Imported encoder.
        settings: Settings on the card.
        statements: Provenance claims.
        training_patients: Training patients, if known.
    """
    return Card(
        encoder=row.encoder,
        method=row.method,
        starts_from=row.starts_from,
        settings=settings,
        preprocessing=[],
        image_size=row.image_size,
        mean=float(encoder.mean),
        std=float(encoder.std),
        seed=0,
        split="",
        training_patients=sorted(training_patients),
        n_training_images=0,
        statements=list(statements),
    )


def write_directory(
    encoder: Encoder,
    card: Card,
    report: ImportReport,
    directory: Path,
    classifier: Mapping[str, Tensor] | None = None,
    findings: Sequence[str] = (),
) -> None:
    """Create a directory of an imported encoder, its card and report, atomically.

    Args:
        encoder, card, report: Results of the import.
        directory: Output directory.
        classifier: Classifier of the weights; None for none.
        findings: Outputs of the classifier.
    """
    with whole_directory(directory) as beside:
        write_encoder(encoder, card, beside)
        if classifier is not None:
            write_classifier_beside(classifier, findings, beside)
        write_json(beside / REPORT, {**vars(report), "notes": notes_as_data(report.notes)})


def encoder_of(
    row: PublishedWeights, tensors: Mapping[str, Tensor], where: Path, layout: str, sha256: str = ""
) -> tuple[Encoder, ImportReport]:
    """Create the encoder from the tensors of a file.

    Args:
        row: Row of the registry.
        tensors: Tensors of the file by native key.
        where: File, for messages.
        layout: Layout, one of the row's.
        sha256: SHA-256 of the file, for the report.

    Raises:
        HilumError: Missing, unknown or duplicate keys, other shapes, invalid values, or another rotary embedding.
    """
    with undrawn():
        encoder = create_encoder(row.encoder, seed=0)
    wanted = {key: tensor.shape for key, tensor in encoder.body.state_dict().items()}
    native = LAYOUTS[layout]
    try:
        mapped = map_keys(native, tensors, wanted, where, norm_absent=row.norm_absent)
    except HilumErrors as error:
        hint = which_fits_instead(native, tensors, row)
        raise HilumErrors(where, error.problems, fix=f"{error.fix}{hint}") from error
    notes = check_numbers(mapped, tensors, where)
    periods, notice = check_rotary(encoder.body, native, tensors, where)
    if periods is not None:
        encoder.use_periods(periods)
    notes += notice
    weights = dict(mapped.tensors)
    if len(row.mean) == 3:
        weights, folded = _fold(encoder, row, weights, mapped, where)
        notes += folded
    else:
        encoder.mean.fill_(row.mean[0])
        encoder.std.fill_(row.std[0])
    notes += _resize(encoder, weights) + _follow_positions(encoder, native)
    _check_shapes(weights, wanted, mapped, where)
    encoder.body.load_state_dict({key: weights[key] for key in wanted})
    dropped: dict[str, int] = {}
    for why in mapped.dropped.values():
        dropped[why] = dropped.get(why, 0) + 1
    used = sum(len(natives) for natives in mapped.origins.values())
    return encoder.eval(), ImportReport(row.name, where.name, sha256, layout, used, dropped, mapped.neutral, notes)


def layout_of(row: PublishedWeights, tensors: Mapping[str, Tensor], where: Path) -> str:
    """Return the row's layout that matches a file's keys.

    Raises:
        HilumError: No layout matches.
    """
    for name in row.layouts:
        if LAYOUTS[name].fits(tensors):
            return name
    raise no_layout_fits(row, tensors, where)


def _bears_published_name(row: PublishedWeights, path: Path) -> bool:
    return path.name in (row.source.file, *row.source.also)


def _follow_positions(encoder: Encoder, layout: Layout) -> list[Note]:
    """Use the resizing rule of positions of the file's own code."""
    registers = getattr(encoder.body, "reg_token", None) is not None  # with registers, the family's rule applies
    if layout.positions is None or encoder.interpolation in (None, layout.positions) or registers:
        return []
    encoder.use_interpolation(layout.positions)
    how = f"bicubic, {'antialiased' if layout.positions.antialias else 'no antialiasing'}"
    how += f", scale (new + {layout.positions.offset:g}) / old" if layout.positions.offset else ", to the exact size"
    return [note(Code.POSITIONS_AS_IN_FILE, rule=how)]


def _fold(
    encoder: Encoder, row: PublishedWeights, weights: dict[str, Tensor], mapped: Mapped, where: Path
) -> tuple[dict[str, Tensor], list[Note]]:
    key = f"{encoder.stem.convolution}.weight"
    own = encoder.body.state_dict()[key].shape
    if weights[key].shape != torch.Size([own[0], 3, *own[2:]]):
        expected = format_shape(torch.Size([own[0], 3, *own[2:]]))
        problem = (
            f"{', '.join(mapped.origins[key])}: {format_shape(weights[key].shape)} in the file, {expected} expected"
        )
        raise HilumErrors(where, [problem], fix="nothing was loaded.")
    folded, mean, std = fold_gray(weights, encoder.stem, row.mean, row.std)
    encoder.mean.fill_(mean)
    encoder.std.fill_(std)
    return folded, [note(Code.FOLDED_STEM, mean=float(mean), std=float(std))]


def _resize(encoder: Encoder, weights: dict[str, Tensor]) -> list[Note]:
    """Resize learned positions to the grid of the architecture."""
    own, given = encoder.body.state_dict().get("pos_embed"), weights.get("pos_embed")
    if own is None or given is None or own.shape == given.shape or given.ndim != 3 or given.shape[2] != own.shape[2]:
        return []
    prefix = 0 if getattr(encoder.body, "no_embed_class", False) else encoder.prefix_tokens
    before, after = isqrt(max(given.shape[1] - prefix, 0)), isqrt(own.shape[1] - prefix)
    if before**2 + prefix != given.shape[1]:
        return []  # not a square grid: reported by the comparison of shapes
    weights["pos_embed"] = resize_positions(given, (before, before), (after, after), prefix)
    return [note(Code.POSITIONS_RESIZED, before=before, after=after)]


def _check_shapes(weights: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], mapped: Mapped, where: Path) -> None:
    problems = [
        f"other shape: {', '.join(mapped.origins.get(key, [key]))}: {format_shape(weights[key].shape)} in the file, "
        f"{format_shape(shape)} in the encoder ({key})"
        for key, shape in wanted.items()
        if weights[key].shape != shape
    ]
    if problems:
        raise HilumErrors(where, some(problems), fix="nothing was loaded.")
