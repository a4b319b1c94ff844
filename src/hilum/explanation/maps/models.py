"""Classifiers to explain, copies of them with random weights, and their predictions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.augment import plain_view
from hilum.data.store import Store
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.explanation.maps.heat_maps import HeatMaps, heat_maps
from hilum.explanation.methods import HeatMapMethod
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.weights import load_classifier
from hilum.progress import ProgressReport, silent

BATCH = 16


@dataclass(frozen=True)
class Model:
    """Classifier to explain.

    Attributes:
        name: Name for readers; unique on a page.
        classifier: Classifier in evaluation mode, on its device.
        card: Card with its settings and training patients.
        arm: Arm of a study; None for other models.
    """

    name: str
    classifier: Classifier
    card: Card
    arm: str | None = None


def load_models(
    directories: Sequence[Path], device: torch.device, arms: Sequence[tuple[str, int]] | None = None
) -> list[Model]:
    """Load fine-tuned classifiers.

    Args:
        directories: Directories of the classifiers.
        device: Device of the computation.
        arms: Arm and seed of each, used as its name; None: as the plan of a study records them, others by their
            directories.

    Raises:
        HilumError: A directory has no classifier, or occurs twice.
    """
    if len({directory.resolve() for directory in directories}) < len(directories):
        raise HilumError(
            "--compare-with", expected="another model", found="the same one", fix="Name another directory."
        )
    loaded = [load_classifier(directory) for directory in directories]
    if arms is None:
        known = [_arm_of(directory, card) for directory, (_, card) in zip(directories, loaded, strict=True)]
    else:
        known = list(arms)
    names = [
        directory.resolve().name if arm is None else f"{arm[0]} (seed {arm[1]})"
        for directory, arm in zip(directories, known, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [str(directory) for directory in directories]
    return [
        Model(name, each.to(device), card, None if arm is None else arm[0])
        for name, arm, (each, card) in zip(names, known, loaded, strict=True)
    ]


def random_twin(model: Model, seed: int) -> Model:
    """Create a model of the same architecture with random weights.

    Maps that do not change with random weights do not depend on what was learned: Adebayo et al., "Sanity checks for
    saliency maps", NeurIPS 2018, §3 (here all layers at once).
    """
    card = model.card
    twin = Classifier(
        create_encoder(card.encoder, seed=seed),
        len(card.findings),
        size=card.image_size,
        seed=seed,
        head=card.settings.get("head", "linear"),
        pooling=card.settings.get("pooling", "own"),
    )
    return Model(f"{model.name}, random weights", twin.to(_device(model)).eval(), card)


def probabilities(
    model: Model, store: Store, image_ids: Sequence[str], on_progress: ProgressReport = silent
) -> NDArray[np.float64]:
    """Compute the predicted probabilities of a model, (N, findings), 0 to 1."""
    loader = BatchLoader(store, model.card.image_size, BATCH, 0, 1, _device(model), "fp32")
    logits = loader.outputs(model.classifier, image_ids, model.name, on_progress)
    found: NDArray[np.float64] = model.classifier.output_type.probabilities(logits.double()).cpu().numpy()
    return found


def maps_of_pairs(
    model: Model,
    store: Store,
    pairs: Sequence[tuple[str, str]],
    method: HeatMapMethod,
    on_progress: ProgressReport = silent,
) -> HeatMaps:
    """Compute the heat maps of pairs of image and finding.

    Args:
        model: Model that scores the findings of the pairs.
        store: Images, preprocessed as in the model's card.
        pairs: P pairs of image id and finding, at least one.
        method: Method of `hilum.explanation.maps.heat_maps`.
        on_progress: Receives the number of images done.

    Returns:
        Maps (P, rows, columns) on the CPU, in the order of the pairs.

    Raises:
        HilumError: The model does not support the method.
    """
    radiographs = list(dict.fromkeys(image_id for image_id, _ in pairs))
    rows = store.rows(radiographs)
    place = {finding: number for number, finding in enumerate(model.card.findings)}
    made: dict[tuple[str, str], torch.Tensor] = {}
    wanted_on: dict[str, list[str]] = {}
    for image_id, finding in pairs:
        wanted_on.setdefault(image_id, []).append(finding)
    for first in range(0, len(radiographs), BATCH):
        batch = radiographs[first : first + BATCH]
        images = torch.from_numpy(store.pixels[rows[first : first + BATCH]])[:, None].to(_device(model))
        views = plain_view(images, model.card.image_size)
        wanted = list(dict.fromkeys(finding for image_id in batch for finding in wanted_on[image_id]))
        found = heat_maps(model.classifier, views, [place[finding] for finding in wanted], method)
        for row, image_id in enumerate(batch):
            for finding in wanted_on[image_id]:
                made[image_id, finding] = found.maps[row, wanted.index(finding)].float().cpu()
        on_progress(min(first + BATCH, len(radiographs)), len(radiographs), model.name)
    return HeatMaps(torch.stack([made[pair] for pair in pairs]), found.start, found.end)


def _arm_of(directory: Path, card: Card) -> tuple[str, int] | None:
    """Return arm and seed of a model of a study, as recorded in its plan.json; None for others.

    Plans of earlier versions do not record arms, and copies of a directory have no plan: a directory ARM/seed-N whose
    card has seed N is then named as in a study.
    """
    path = directory.resolve()
    for study in path.parents:
        if (study / "plan.json").is_file():
            rows = json.loads((study / "plan.json").read_text(encoding="utf-8"))
            place = path.relative_to(study).as_posix()
            arm = next((row.get("arm") for row in rows if row["directory"] == place), None)
            if arm is not None:
                return str(arm), card.seed
            break
    return (path.parent.name, card.seed) if path.name == f"seed-{card.seed}" else None


def _device(model: Model) -> torch.device:
    return model.classifier.positive_weights.device
