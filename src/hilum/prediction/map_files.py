"""Heat maps of predictions as PNG files, overlaid on the preprocessed image."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.explanation.localisation import overlaid
from hilum.explanation.maps.heat_maps import heat_maps
from hilum.explanation.methods import HeatMapMethod
from hilum.prediction.loading import PackagedClassifier


def maps_on_images(
    model: PackagedClassifier, pixels: NDArray[np.uint8], findings: Sequence[str], method: str = "gradcam"
) -> NDArray[np.float32]:
    """Compute heat maps of preprocessed images; for an ensemble, the mean of the members' maps scaled to their maximum.

    Args:
        model: Loaded model.
        pixels: Preprocessed images (N, S, S).
        findings: F findings of the model.
        method: Method of `hilum.explanation.maps.heat_maps`.

    Returns:
        Heat maps (N, F, S, S), 0 to 1.

    Raises:
        HilumError: An unknown method, or one that is not defined for the encoder.
    """
    side = pixels.shape[-1]
    wanted = [model.findings.index(finding) for finding in findings]
    views = model.views(pixels)
    kind: HeatMapMethod = method  # type: ignore[assignment]  # checked there
    made = [heat_maps(classifier, views, wanted, kind).on_image(side) for classifier in model.classifiers]
    mean = torch.stack([_scaled(each) for each in made]).mean(0)
    return np.asarray(_scaled(mean).detach().cpu().numpy(), dtype=np.float32)


def write_maps(
    model: PackagedClassifier,
    image_ids: Sequence[str],
    pixels: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    directory: Path,
    method: str = "gradcam",
) -> None:
    """Write DIRECTORY/<image_id>/<finding>.png for every finding that is called on an image.

    Args:
        model: Loaded model.
        image_ids: Ids of N images.
        pixels: Preprocessed images (N, S, S).
        probabilities: Probabilities (N, F).
        directory: Directory to write to.
        method: As in `maps_on_images`.
    """
    called = probabilities.astype(np.float64) >= model.description.thresholds
    findings = [finding for at, finding in enumerate(model.findings) if called[:, at].any()]
    if not findings:
        return
    maps = maps_on_images(model, pixels, findings, method)
    for row, image_id in enumerate(image_ids):
        for at, finding in enumerate(findings):
            if called[row, model.findings.index(finding)]:
                path = folder_of(directory, image_id) / f"{finding.replace('/', ' or ')}.png"
                with whole_file(path) as beside:
                    written, content = cv2.imencode(".png", overlaid(pixels[row], maps[row, at]))
                    assert written
                    beside.write_bytes(content.tobytes())


def folder_of(directory: Path, image_id: str) -> Path:
    """Return the folder of an image's files; parts of the id that would lead out of the directory are dropped."""
    return directory.joinpath(*(part for part in Path(image_id).parts if part not in ("..", "/")))


def _scaled(maps: torch.Tensor) -> torch.Tensor:
    """Divide each map by its maximum; maps that are zero everywhere are unchanged."""
    highest = maps.amax((-2, -1), keepdim=True)
    return maps / torch.where(highest > 0, highest, torch.ones_like(highest))
