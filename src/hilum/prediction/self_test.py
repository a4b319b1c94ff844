"""The self-test of a model: generated radiographs, and its scores of them when it was packaged.

They are PNG files in the model directory, so that reading, preprocessing and the network are all tried, and nobody's
image travels with the weights. Outputs are computed in float32, so that they hold on every machine.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.artifacts import write_json
from hilum.errors import HilumError
from hilum.phantom import population_images, render_image

REFERENCE = "reference"
TOLERANCE = 1e-3
"""Of a probability. Machines differ by 1e-6 (order of sums); another preprocessing or weight differs by more."""
_OUTPUTS = "outputs.json"
_SEED, _COUNT, _SIDE = 20, 4, 256

Preprocess = Callable[[Path], NDArray[np.uint8]]
Score = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def write_reference(directory: Path, findings: list[str], preprocess: Preprocess, score: Score) -> None:
    """Generate radiographs, and keep what the model says of them.

    Args:
        directory: of the model.
        findings: F of its outputs.
        preprocess: a file to (S, S) uint8.
        score: (N, S, S) to (N, F) in float32.
    """
    here = directory / REFERENCE
    here.mkdir()
    names = []
    for number, image in enumerate(population_images(_SEED, _COUNT)):
        name = f"phantom-{number}.png"
        cv2.imwrite(str(here / name), render_image(image, size=_SIDE, seed=_SEED).pixels)
        names.append(name)
    outputs = score(np.stack([preprocess(here / name) for name in names]))
    rows = {name: [float(value) for value in row] for name, row in zip(names, outputs, strict=True)}
    write_json(here / _OUTPUTS, {"findings": findings, "tolerance": TOLERANCE, "probabilities": rows})


def reference_images(directory: Path, preprocess: Preprocess) -> NDArray[np.uint8]:
    """The reference radiographs, preprocessed, (N, S, S).

    Args:
        directory: `REFERENCE` of a model.
        preprocess: a file to (S, S) uint8.
    """
    return np.stack([preprocess(path) for path in sorted(directory.glob("*.png"))])


def check_reference(directory: Path, preprocess: Preprocess, score: Score) -> float:
    """Try a model on its reference radiographs; the largest difference of a probability.

    Raises:
        HilumError: the references are missing or damaged, or the outputs differ.
    """
    path = directory / REFERENCE / _OUTPUTS
    try:
        recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = {str(name): [float(value) for value in row] for name, row in recorded["probabilities"].items()}
        wanted = np.array(list(rows.values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        fix = "Copy the directory again, or run `hilum package`."
        raise HilumError(path, expected="reference outputs", found=type(error).__name__, fix=fix) from error
    found = score(np.stack([preprocess(path.parent / name) for name in rows]))
    if wanted.shape != found.shape:
        fix = "Package the model again."
        raise HilumError(path, expected=f"outputs {found.shape}", found=str(wanted.shape), fix=fix)
    difference = float(np.abs(found - wanted).max())
    if not difference <= TOLERANCE:
        raise HilumError(
            directory,
            expected=f"the outputs that it was packaged with on reference radiographs, to {TOLERANCE:g}",
            found=f"a difference of {difference:.2g}",
            fix="Copy the directory again. If it stays, this machine or these versions compute something else.",
        )
    return difference
