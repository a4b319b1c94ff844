"""Classifiers of published weights, stored beside the encoder for prediction without training."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
from safetensors import safe_open
from torch import Tensor

from hilum.encoders.published.key_maps.layout import Layout
from hilum.errors import HilumError

CLASSIFIER = "classifier.safetensors"


def classifier_in(
    layout: Layout, tensors: Mapping[str, Tensor], findings: Sequence[str], where: Path
) -> dict[str, Tensor]:
    """Return the classifier in a file: `weight` (findings, width) and `bias` (findings,), float32.

    Args:
        layout: Layout of the file.
        tensors: Tensors of the file by native key.
        findings: Outputs of the classifier, in order.
        where: File, for messages.

    Raises:
        HilumError: No classifier, or another number of outputs.
    """
    found = {
        key.rpartition(".")[2]: tensor.float().contiguous()
        for key, tensor in tensors.items()
        if layout.classifier and re.fullmatch(layout.classifier, key)
    }
    if set(found) != {"weight", "bias"} or len(found["weight"]) != len(findings):
        shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in sorted(found.items())) or "nothing"
        expected = f"weight and bias of a classifier of {len(findings)} findings"
        raise HilumError(where, expected=expected, found=shapes, fix="Import the published file.")
    return found


def write_classifier_beside(classifier: Mapping[str, Tensor], findings: Sequence[str], directory: Path) -> None:
    """Write `classifier.safetensors` into an existing directory."""
    safetensors.torch.save_file(dict(classifier), directory / CLASSIFIER, metadata={"findings": "\n".join(findings)})


def read_classifier(directory: Path) -> tuple[list[str], Tensor, Tensor]:
    """Read the classifier of imported weights: findings, weight (findings, width) and bias (findings,).

    Raises:
        HilumError: The directory has no classifier.
    """
    path = directory / CLASSIFIER
    if not path.is_file():
        raise HilumError(
            directory,
            expected="weights with a classifier",
            found="an encoder alone",
            fix="Train a head on it; `hilum weights list` shows which weights have a classifier of findings.",
        )
    with safe_open(path, framework="pt") as content:
        findings = (content.metadata() or {}).get("findings", "").split("\n")
        return findings, content.get_tensor("weight"), content.get_tensor("bias")
