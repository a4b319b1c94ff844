"""Reading and writing of weights (safetensors) with their card."""

import re
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

from hilum.artifacts import file_sha256, whole_directory, whole_file
from hilum.encoders.card import Card, read_card, write_card
from hilum.encoders.weightless import undrawn
from hilum.encoders.zoo import Encoder, create_encoder
from hilum.errors import HilumError, HilumErrors

ENCODER_WEIGHTS = "encoder.safetensors"

_SINCE = re.compile(r"(?:.+\.)?(?:rotary_periods|position_rule)")
"""Buffers that may be missing in files; then the architecture's own values are used."""


@dataclass(frozen=True)
class LoadReport:
    """Comparison of the weights of a file with a module.

    Attributes:
        matched: Matching keys.
        missing: Keys of the module that the file lacks.
        unexpected: Keys of the file that the module lacks.
        misshaped: Keys with different shapes, and both shapes.
    """

    matched: list[str]
    missing: list[str]
    unexpected: list[str]
    misshaped: list[str]

    @property
    def complete(self) -> bool:
        """True if all keys and shapes match."""
        return not (self.missing or self.unexpected or self.misshaped)


def compare_weights(module: nn.Module, tensors: dict[str, Tensor]) -> LoadReport:
    """Compare tensors with a module, without changing it."""
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
    """Write a module's weights as safetensors, atomically; equal weights give equal bytes.

    Returns:
        SHA-256 of the file, hex.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with whole_file(path) as beside:
        safetensors.torch.save_file(tensors, beside)
    return file_sha256(path)


def load_weights(module: nn.Module, path: Path, sha256: str) -> LoadReport:
    """Load weights into a module.

    Args:
        module: Module, changed in place if all keys match.
        path: A safetensors file.
        sha256: Expected SHA-256, hex.

    Raises:
        HilumError: The file is missing, damaged or does not match its card or the module.
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
            expected=f"SHA-256 {sha256[:12]}…, as on its card",
            found=f"{found[:12]}…",
            fix="Weights and card are of different runs; copy both again.",
        )
    module.load_state_dict(_completed(module.state_dict(), tensors))
    return report


def write_encoder(encoder: Encoder, card: Card, directory: Path) -> Card:
    """Write `encoder.safetensors` and `card.json` into an existing directory; return the card as written."""
    sha256 = write_weights(encoder, directory / ENCODER_WEIGHTS)
    return write_card(stamp(card, sha256), directory)


def save_encoder(encoder: Encoder, card: Card, directory: Path) -> Card:
    """Create a directory with `encoder.safetensors` and `card.json`, atomically; return the card as written."""
    with whole_directory(directory) as beside:
        return write_encoder(encoder, card, beside)


def load_encoder(directory: Path) -> tuple[Encoder, Card]:
    """Load the encoder and its card from a directory of `write_encoder`.

    Raises:
        HilumError: A file is missing or damaged, or weights and card are of different runs.
    """
    card = read_card(directory)
    with undrawn():
        encoder = create_encoder(card.encoder, seed=0)
    load_weights(encoder, directory / ENCODER_WEIGHTS, card.sha256)
    return encoder, card


def stamp(card: Card, sha256: str) -> Card:
    """Return the card with the SHA-256 of the weights and Hilum's version."""
    return card.model_copy(update={"sha256": sha256, "hilum_version": version("hilum")})


def _completed(own: dict[str, Tensor], tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in own.items() if _SINCE.fullmatch(key)} | tensors


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "scalar"
