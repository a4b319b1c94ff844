"""Weights on disk: safetensors with a card beside; loaded completely or not at all."""

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

from hilum.artifacts import file_sha256, whole_directory, whole_file
from hilum.encoders.card import Card, read_card, write_card
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError, HilumErrors

ENCODER_WEIGHTS = "encoder.safetensors"

_SINCE = re.compile(r"(?:.+\.)?(?:rotary_periods|position_rule)")
"""Buffers that files written before they were kept do not hold; the architecture's own values are what those used."""


@dataclass(frozen=True)
class LoadReport:
    """How the weights of a file fit a module.

    Attributes:
        matched: keys that fit.
        missing: the module has them, the file does not.
        unexpected: the file has them, the module does not.
        misshaped: key and shapes, of the file and of the module.
    """

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    misshaped: list[str]

    @property
    def complete(self) -> bool:
        """Nothing is missing, unexpected or of another shape."""
        return not (self.missing or self.unexpected or self.misshaped)


def compare_weights(module: nn.Module, tensors: dict[str, Tensor]) -> LoadReport:
    """How tensors would fit a module, without changing it."""
    own = module.state_dict()
    tensors = _completed(own, tensors)
    common = [key for key in own if key in tensors]
    return LoadReport(
        matched=[key for key in common if own[key].shape == tensors[key].shape],
        missing=[key for key in own if key not in tensors],
        unexpected=[key for key in tensors if key not in own],
        misshaped=[
            f"{key}: {_shape(tensors[key])} in the file, {_shape(own[key])} in the model"
            for key in common
            if own[key].shape != tensors[key].shape
        ],
    )


def write_weights(module: nn.Module, path: Path) -> str:
    """Write a module's weights as safetensors, whole or not at all; equal weights give equal bytes.

    Returns:
        SHA-256 (hex) of the file.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with whole_file(path) as beside:
        safetensors.torch.save_file(tensors, beside)
    return file_sha256(path)


def load_weights(module: nn.Module, path: Path, sha256: str) -> LoadReport:
    """Load a module's weights.

    Args:
        module: changed in place, and only if everything fits.
        path: a safetensors file.
        sha256: that the file must have, hex.

    Raises:
        HilumError: the file is missing, damaged or not the one of its card, or its keys are not the module's.
    """
    if not path.is_file():
        raise HilumError(path, expected="weights", found="no such file", fix="Point to a directory that Hilum wrote.")
    try:
        tensors = safetensors.torch.load_file(path)
    except (SafetensorError, OSError) as error:
        raise HilumError(
            path, expected="a safetensors file", found=str(error), fix="The file is damaged; copy or train it again."
        ) from error
    report = compare_weights(module, tensors)
    if not report.complete:
        problems = [
            *(f"missing: {key}" for key in report.missing),
            *(f"unexpected: {key}" for key in report.unexpected),
            *(f"other shape: {line}" for line in report.misshaped),
        ]
        raise HilumErrors(path, problems, fix=f"{len(report.matched)} keys fit; nothing was loaded.")
    if (found := file_sha256(path)) != sha256:
        raise HilumError(
            path,
            expected=f"SHA-256 {sha256[:12]}…, as its card says",
            found=f"{found[:12]}…",
            fix="Weights and card are not of one run; copy both again.",
        )
    module.load_state_dict(_completed(module.state_dict(), tensors))
    return report


def write_encoder(encoder: Encoder, card: Card, directory: Path) -> Card:
    """Write `encoder.safetensors` and `card.json` into a directory that is being filled; the card as written."""
    sha256 = write_weights(encoder, directory / ENCODER_WEIGHTS)
    return write_card(stamp(card, sha256), directory)


def save_encoder(encoder: Encoder, card: Card, directory: Path) -> Card:
    """Make a directory with `encoder.safetensors` and `card.json`, complete or absent; the card as written."""
    with whole_directory(directory) as beside:
        return write_encoder(encoder, card, beside)


def load_encoder(directory: Path) -> tuple[Encoder, Card]:
    """The encoder of a directory that `save_encoder` made, and its card.

    Raises:
        HilumError: something is missing, damaged, or not of one run.
    """
    card = read_card(directory)
    encoder = create_encoder(card.encoder, seed=0)
    load_weights(encoder, directory / ENCODER_WEIGHTS, card.sha256)
    return encoder, card


def stamp(card: Card, sha256: str) -> Card:
    """The card of weights that were just written."""
    return card.model_copy(update={"sha256": sha256, "hilum_version": version("hilum")})


def _completed(own: dict[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in own.items() if _SINCE.fullmatch(key)} | tensors


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
