"""Shortcut baselines: models that use only patient metadata, or an 8 x 8 thumbnail of the image.

On real images a thumbnail of 8 x 8 pixels separates Pneumonia from No Finding with an AUROC near 0.8, because the two
groups differ in exposure and framing. An arm must exceed this to show that it uses the lung.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_directory, whole_file
from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.data.store import Store
from hilum.encoders.probe import linear_probe
from hilum.finetuning.shortcut_features import (
    Features,
    metadata_features,
    random_encoder_features,
    thumbnail_features,
)
from hilum.finetuning.shortcut_names import CALIBRATED, METADATA, RANDOM, THUMBNAIL, untrained_name
from hilum.progress import ProgressReport
from hilum.study.plan.steps import calibrated_encoders, frozen_encoders
from hilum.study.prepared import Prepared


def score_baselines(prepared: Prepared, store: Store, directory: Path, on_progress: ProgressReport) -> None:
    """Fit every baseline on the training images and score validation and test images.

    `directory` then contains `<name>.parquet` for each, with `image_id` and `p_<finding>`; it is complete or absent.
    Test labels are not used.

    Args:
        prepared: Prepared data of the task.
        store: Store of its labelled data set.
        directory: Directory to write.
        on_progress: Called after each baseline.
    """
    task, readable = prepared.task, set(store.image_ids)
    train, val = task.train_of(prepared.study.seeds[0]).only(readable), task.val.only(readable)
    scored = [image_id for image_id in (*val.image_ids, *task.test_ids) if image_id in readable]
    features_of = _feature_makers(prepared, store, train.image_ids)
    with whole_directory(directory) as beside:
        for done, (name, features) in enumerate(features_of.items()):
            on_progress(done, len(features_of), name)
            to_fit, to_score = features(train.image_ids), features(scored)
            to_choose = to_score[: len(val.image_ids)]  # scored images begin with the validation images
            scores = linear_probe((to_fit, _two_classes(train)), (to_choose, _two_classes(val)), to_score)
            table = pl.DataFrame(scores, schema=[f"p_{finding}" for finding in prepared.study.task.findings])
            with whole_file(beside / f"{name}.parquet") as path:
                table.insert_column(0, pl.Series("image_id", scored, dtype=pl.String)).write_parquet(path)
    on_progress(len(features_of), len(features_of), "")


def _two_classes(images: LabelledImages) -> NDArray[np.float32]:
    """Mask the third class, uncertain, in the targets."""
    return np.where(images.targets == UNCERTAIN_CLASS, np.float32(np.nan), images.targets)


def _feature_makers(
    prepared: Prepared, store: Store, pool: Sequence[str]
) -> dict[str, Callable[[Sequence[str]], Features]]:
    """Return the feature extractor of each baseline by name, in the order of `baseline_names`."""
    study, seed = prepared.study, prepared.study.seeds[0]
    makers: dict[str, Callable[[Sequence[str]], Features]] = {
        METADATA: partial(metadata_features, prepared.labelled.manifest),
        THUMBNAIL: partial(thumbnail_features, store),
    }
    for encoder in frozen_encoders(study):
        makers[untrained_name(RANDOM, encoder)] = partial(random_encoder_features, store, encoder=encoder, seed=seed)
    for encoder in calibrated_encoders(frozen_encoders(study)):
        makers[untrained_name(CALIBRATED, encoder)] = partial(
            random_encoder_features, store, encoder=encoder, seed=seed, calibrated_on=pool
        )
    return makers
