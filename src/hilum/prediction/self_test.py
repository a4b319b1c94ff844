"""Self-test of a packaged model: synthetic radiographs, and the model's outputs on them.

The radiographs are PNG files in the model directory, so that reading, preprocessing and the network are all tested, and
no patient images are included. Outputs are computed in float32, to be comparable between machines.
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
"""Tolerance of a probability. Machines differ by 1e-6 (order of summation); other preprocessing or weights by more."""
_OUTPUTS = "outputs.json"
_SEED, _COUNT, _SIDE = 20, 4, 256

Preprocess = Callable[[Path], NDArray[np.uint8]]
Score = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


def write_reference(directory: Path, findings: list[str], preprocess: Preprocess, score: Score) -> None:
    """Generate radiographs, and store the model's outputs on them.

    Args:
        directory: Directory of the model.
        findings: F findings of its outputs.
        preprocess: Function from a file to pixels (S, S) uint8.
        score: Function from pixels (N, S, S) to probabilities (N, F) in float32.
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
    """Read the reference radiographs, preprocessed, (N, S, S).

    Args:
        directory: Folder `REFERENCE` of a model.
        preprocess: Function from a file to pixels (S, S) uint8.
    """
    return np.stack([preprocess(path) for path in sorted(directory.glob("*.png"))])


def check_reference(directory: Path, preprocess: Preprocess, score: Score) -> float:
    """Score the reference radiographs, and return the largest difference from the stored probabilities.

    Raises:
        HilumError: The references are missing or damaged, or the outputs differ.
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
            expected=f"the stored outputs on reference radiographs, within {TOLERANCE:g}",
            found=f"a difference of {difference:.2g}",
            fix="Copy the directory again. If the error persists, this machine or library versions give other results.",
        )
    return difference
