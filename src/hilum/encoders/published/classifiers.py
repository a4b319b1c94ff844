"""The classifiers that published weights came with, kept beside the encoder for those who score them as they are."""

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
    """The linear layer behind the encoder in a file: `weight` (findings, width) and `bias` (findings), float32.

    Args:
        layout: of the file.
        tensors: of the file, by native key.
        findings: that the classifier scores, in its order.
        where: the file, for messages.

    Raises:
        HilumError: there is no such layer, or it has another number of outputs.
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
    """Write `classifier.safetensors` into a directory that is being filled."""
    safetensors.torch.save_file(dict(classifier), directory / CLASSIFIER, metadata={"findings": "\n".join(findings)})


def read_classifier(directory: Path) -> tuple[list[str], Tensor, Tensor]:
    """Findings, weight (findings, width) and bias (findings) of the classifier that imported weights came with.

    Raises:
        HilumError: they came without one that is kept.
    """
    path = directory / CLASSIFIER
    if not path.is_file():
        raise HilumError(
            directory,
            expected="weights with the classifier that they came with",
            found="an encoder alone",
            fix="Train a head on it; `hilum weights list` says which weights have a classifier of findings.",
        )
    with safe_open(path, framework="pt") as content:
        findings = (content.metadata() or {}).get("findings", "").split("\n")
        return findings, content.get_tensor("weight"), content.get_tensor("bias")
