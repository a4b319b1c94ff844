"""Linear probe of the initial features of a classifier, the baseline of every fine-tuning.

Fine-tuning should beat logistic regression on the frozen initial features. The probe is fitted to the same labelled
images.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hilum.artifacts import fingerprint
from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.data.splits import sample_patients
from hilum.encoders.probe import linear_probe
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.data_loader import BatchLoader
from hilum.progress import ProgressReport, silent

Probes: TypeAlias = dict[str, NDArray[np.float64]]
"""The last probe of a study, by the fingerprint of its inputs."""
MOST_TO_FIT = 5000
"""Maximum number of images to fit, by whole patients; with more the fit is slower without a relevant change."""


def starting_probe(
    classifier: Classifier,
    loader: BatchLoader,
    train: LabelledImages,
    val: LabelledImages,
    scored: Sequence[str],
    on_progress: ProgressReport = silent,
    known: Probes | None = None,
) -> NDArray[np.float64]:
    """Score images by logistic regression on frozen features of a classifier's initial encoder.

    Features are those of the encoder, without augmentation, in the precision of the training. The penalty is chosen on
    the validation images (`hilum.encoders.probe.linear_probe`). Arms of a study with the same initial weights need the
    same probe: `known` caches the last one.

    Args:
        classifier: Untrained classifier; moved to the loader's device.
        loader: BatchLoader of the run.
        train: Images to fit, at most `MOST_TO_FIT` of them.
        val: Images to choose the penalty on, with the same maximum.
        scored: Ids of the images to score.
        on_progress: Called while features are computed.
        known: Cache of the last probe; None for no cache.

    Returns:
        Probabilities, (images, findings).
    """
    train, val = (_some(images, loader.seed) for images in (train, val))
    classifier.to(device=loader.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    key = None if known is None else _key(classifier, loader, train, val, scored)
    if known is not None and key is not None and key in known:
        return known[key].copy()
    every = list(dict.fromkeys([*train.image_ids, *val.image_ids, *scored]))
    features = loader.outputs(classifier.encoder, every, "features for the linear probe", on_progress).cpu().numpy()
    place = {image_id: row for row, image_id in enumerate(every)}
    to_fit, to_choose, to_score = (
        features[[place[image_id] for image_id in ids]] for ids in (train.image_ids, val.image_ids, scored)
    )
    probed = linear_probe((to_fit, _two_classes(train)), (to_choose, _two_classes(val)), to_score)
    if known is not None and key is not None:
        known.clear()
        known[key] = probed.copy()
    return probed


def _key(
    classifier: Classifier, loader: BatchLoader, train: LabelledImages, val: LabelledImages, scored: Sequence[str]
) -> str | None:
    """Return the fingerprint of a probe's inputs; None where the pixels are not one file, as in a pool."""
    path = getattr(getattr(loader.store, "pixels", None), "filename", None)
    if path is None:
        return None
    file, encoder = Path(path).stat(), classifier.encoder
    weights = hashlib.sha256()
    for name, tensor in encoder.state_dict().items():
        weights.update(name.encode())
        weights.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    images = [
        [each.image_ids, each.patient_ids, hashlib.sha256(each.targets.tobytes()).hexdigest()] for each in (train, val)
    ]
    arithmetic = [
        loader.size,
        loader.batch_size,
        loader.seed,
        str(loader.device),
        loader.precision,
        torch.get_num_threads(),
    ]
    pixels = [str(path), file.st_ino, file.st_mtime_ns, file.st_size]
    return fingerprint([encoder.name, weights.hexdigest(), arithmetic, pixels, images, list(scored)])


def _some(images: LabelledImages, seed: int) -> LabelledImages:
    if len(images.image_ids) <= MOST_TO_FIT:
        return images
    percent = 100 * MOST_TO_FIT / len(images.image_ids)
    selected = set(sample_patients(pl.Series(images.patient_ids, dtype=pl.String), percent, seed))
    rows = zip(images.image_ids, images.patient_ids, strict=True)
    return images.only({image_id for image_id, patient in rows if patient in selected})


def _two_classes(images: LabelledImages) -> NDArray[np.float32]:
    """Return targets with uncertain labels (third class) masked."""
    return np.where(images.targets == UNCERTAIN_CLASS, np.float32(np.nan), images.targets)
