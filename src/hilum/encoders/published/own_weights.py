"""Import of own weights: checkpoints that are not in the registry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from hilum.artifacts import file_sha256
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published.fitting import shapes_of
from hilum.encoders.published.folder import weights_folder
from hilum.encoders.published.identity import classes_in
from hilum.encoders.published.importing import ImportReport, encoder_of, imported_card, write_directory
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.published.key_maps.layout import map_keys
from hilum.encoders.published.reading import checkpoint_in, read_tensors
from hilum.encoders.published.registry import NOT_STATED, PublishedWeights, Source
from hilum.encoders.published.unpickling import unpickled_tensors
from hilum.encoders.statements import Statement
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import FAMILIES, create_encoder
from hilum.errors import HilumError
from hilum.notes import Code, note

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class StatedWeights:
    """Description of own weights by the user.

    Attributes:
        encoder: Architecture, a name of the catalogue.
        layout: Native key layout of the file (`hilum.encoders.published.key_maps.LAYOUTS`).
        method: Training method, a word or two.
        mean, std: Normalisation of values in [0, 1] in training, of one or three channels; None: ImageNet's for three.
        image_size: Side of the training images in px; None: the architecture's.
        prefix: Prefix of the layout's keys in the file; keys without it are ignored.
        statements: Claims about the training data, by collection.
        training_patients: Training patients, "<collection>:<patient>".
    """

    encoder: str
    layout: str
    method: str = "own weights"
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    image_size: int | None = None
    prefix: str = ""
    statements: Sequence[Statement] = ()
    training_patients: Sequence[str] = ()


def import_own(
    path: Path,
    stated: StatedWeights,
    *,
    out: Path | None = None,
    weights_dir: Path | None = None,
    unpickle: bool = False,
) -> tuple[Path, ImportReport]:
    """Import a checkpoint that is not in the registry.

    Args:
        path: File, or folder in Hugging Face's format.
        stated: Description of the weights.
        out: Output directory; by default in the weights folder.
        weights_dir: Weights folder.
        unpickle: Extract tensors from pickled objects, in a sandboxed process.

    Returns:
        Directory of the encoder, and the report.

    Raises:
        HilumError: The file cannot be read or does not match the encoder, or the normalisation is missing.
    """
    path = checkpoint_in(path)
    _check_layout(stated.layout)
    tensors = unpickled_tensors(path) if unpickle else read_tensors(path)
    inside, beside = _behind(stated.prefix, tensors, path)
    sha256, row = file_sha256(path), _row_of(stated, inside, path)
    encoder, report = encoder_of(row, inside, path, stated.layout, sha256)
    notes = [note(Code.IMAGENET_NORMALISATION, mean=_numbers(row.mean))]
    report = replace(
        report,
        dropped=report.dropped | ({f"without the prefix {stated.prefix}": beside} if beside else {}),
        notes=report.notes + (notes if stated.mean is None else []),
    )
    settings = {"file": path.name, "file_sha256": sha256, "layout": stated.layout}
    card = imported_card(row, encoder, settings, stated.statements, stated.training_patients)
    directory = out or weights_folder(weights_dir) / "own" / f"{path.stem}-{sha256[:16]}"
    write_directory(encoder, card, report, directory)
    return directory, report


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        named = ", ".join(LAYOUTS)
        raise HilumError("--layout", expected=f"one of {named}", found=repr(layout), fix="Name the file's key layout.")


def _behind(prefix: str, tensors: Mapping[str, Tensor], path: Path) -> tuple[dict[str, Tensor], int]:
    inside = {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}
    if not inside:
        shown = ", ".join(list(tensors)[:3])
        raise HilumError(path, expected=f"keys that begin with {prefix}", found=shown, fix="Check --prefix.")
    return inside, len(tensors) - len(inside)


def _row_of(stated: StatedWeights, tensors: Mapping[str, Tensor], path: Path) -> PublishedWeights:
    layout = LAYOUTS[stated.layout]
    with weightless():
        create_encoder(stated.encoder, seed=0)  # raises for an unknown name
    # FCMAE has no norm after the encoder, and no classifier.
    fcmae = ARCHITECTURES[stated.encoder].response_norm and not classes_in(layout, tensors)
    norm = "head.norm" if fcmae else ""
    channels = _channels(stated.encoder, stated.layout, tensors, path, norm)
    mean, std = stated.mean, stated.std
    if (mean is None) != (std is None) or (mean is None and channels != 3):
        fix = "Give the normalisation of values in [0, 1] in training, as in --mean 0.5 --std 0.25."
        raise HilumError(path, expected="--mean and --std", found="one or neither", fix=fix)
    if mean is None or std is None:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    if len(mean) == 1 and len(std) == 1:
        mean, std = mean * channels, std * channels
    if not (len(mean) == len(std) == channels) or min(std) <= 0:
        found = f"{len(mean)} and {len(std)}" + (", not all above 0" if min(std) <= 0 else "")
        fix = "Give one number, or one for each channel."
        raise HilumError(path, expected=f"--mean and --std of {channels} channels", found=found, fix=fix)
    return PublishedWeights(
        name=path.stem,
        title=stated.method,
        encoder=stated.encoder,
        layouts=(stated.layout,),
        method=stated.method,
        data="",
        source=Source(file=path.name, page=""),
        licence="",
        citation="",
        mean=mean,
        std=std,
        image_size=stated.image_size or ARCHITECTURES[stated.encoder].size,
        crop="squeeze",
        starts_from=NOT_STATED,
        norm_absent=norm,
    )


def _channels(encoder: str, layout: str, tensors: Mapping[str, Tensor], path: Path, norm: str) -> int:
    """Return the input channels of the first convolution in the file."""
    family = FAMILIES[ARCHITECTURES[encoder].family]
    stem = map_keys(LAYOUTS[layout], tensors, shapes_of(encoder), path, norm_absent=norm).tensors[
        f"{family.stem.convolution}.weight"
    ]
    return int(stem.shape[1]) if stem.ndim == 4 else 3


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
