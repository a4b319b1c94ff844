"""What can be had without radiology: models that see only who was filmed, or next to nothing of the film.

On real films an 8 x 8 thumbnail alone tells Pneumonia from No Finding with an AUROC near 0.8, because the two groups
were exposed and framed differently. An arm that does not beat that has learned nothing about the lung.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_directory, whole_file
from hilum.data.store import Store
from hilum.encoders.calibrated import calibrated_random
from hilum.encoders.zoo import create_encoder
from hilum.finetune.feed import Feed
from hilum.finetune.probe import linear_probe
from hilum.progress import ProgressReport
from hilum.study.prepare import Prepared
from hilum.study.schema import Study
from hilum.training.precision import choose_device, choose_precision
from hilum.views import plain_view

METADATA, THUMBNAIL = "age, sex and view", "8x8 thumbnail"
_SIDE = 8
_CALIBRATION_FILMS, _BATCH = 512, 64

Features = NDArray[np.float32]


def baseline_names(study: Study) -> list[str]:
    """The baselines of a study: two always; random encoders beside every encoder that some arm keeps frozen."""
    frozen = _frozen_encoders(study)
    return [METADATA, THUMBNAIL, *(f"random {name}" for name in frozen), *(f"calibrated {name}" for name in frozen)]


def score_baselines(prepared: Prepared, store: Store, directory: Path, on_progress: ProgressReport) -> None:
    """Fit every baseline on the training films' labels and score validation and test films.

    `directory` then holds `<name>.parquet` for each, `image_id` and `p_<finding>`, as an arm's scores; complete or
    absent. Labels of test films are not known here.

    Args:
        prepared: the study's data.
        store: pixels of its labelled data set.
        directory: to make.
        on_progress: called after each baseline.
    """
    task, readable = prepared.task, set(store.image_ids)
    train, val = task.train.only(readable), task.val.only(readable)
    scored = [image_id for image_id in (*val.image_ids, *task.test_ids) if image_id in readable]
    features_of = _feature_makers(prepared, store, train.image_ids)
    with whole_directory(directory) as beside:
        for done, (name, features) in enumerate(features_of.items()):
            on_progress(done, len(features_of), name)
            to_fit, to_score = features(train.image_ids), features(scored)
            to_choose = to_score[: len(val.image_ids)]  # the films to score begin with those of validation
            scores = linear_probe((to_fit, train.targets), (to_choose, val.targets), to_score)
            table = pl.DataFrame(scores, schema=[f"p_{finding}" for finding in prepared.study.task.findings])
            with whole_file(beside / f"{name}.parquet") as path:
                table.insert_column(0, pl.Series("image_id", scored, dtype=pl.String)).write_parquet(path)
    on_progress(len(features_of), len(features_of), "")


def metadata_features(manifest: pl.DataFrame, image_ids: Sequence[str]) -> Features:
    """Age, sex and view of films, (N, D).

    Age in years and its square, 0 where unknown, and whether it is; a column for each sex and each view that the
    manifest has, blanks too.
    """
    rows = pl.DataFrame({"image_id": list(image_ids)}).join(
        manifest.select("image_id", "age", "sex", "view"), on="image_id", how="left", maintain_order="left"
    )
    age = rows["age"].fill_null(0.0).to_numpy()
    columns = [age, age**2, rows["age"].is_null().to_numpy()]
    for name in ("sex", "view"):
        told = rows[name].fill_null("")
        columns += [(told == value).to_numpy() for value in sorted(manifest[name].fill_null("").unique())]
    return np.stack(columns, axis=1).astype(np.float32)


def thumbnail_features(store: Store, image_ids: Sequence[str]) -> Features:
    """Films averaged down to 8 x 8 pixels, (N, 64), 0 to 255."""
    features = np.empty((len(image_ids), _SIDE * _SIDE), dtype=np.float32)
    for place, row in enumerate(store.rows(list(image_ids))):
        picture = np.asarray(store.pixels[row], dtype=np.float32)
        features[place] = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
    return features


def random_encoder_features(
    store: Store, image_ids: Sequence[str], encoder: str, *, seed: int, calibrated_on: Sequence[str] = ()
) -> Features:
    """Features of an encoder that has learned nothing, (N, feature width).

    Args:
        store: pixels of the films.
        image_ids: of N films.
        encoder: its name.
        seed: of its weights.
        calibrated_on: films to set its batch-norm statistics on; none leaves timm's initialisation as it is.
    """
    device = choose_device("auto")
    feed = Feed(
        store,
        size=store.recipe.size,
        batch_size=_BATCH,
        seed=0,
        workers=1,
        device=device,
        precision=choose_precision("fp32", device),
    )
    if calibrated_on:
        films = feed.plain(list(calibrated_on)[:_CALIBRATION_FILMS])
        views = (plain_view(batch.images.cpu(), feed.size) for batch in films if len(batch) > 1)
        network = calibrated_random(encoder, seed=seed, images=views)
    else:
        network = create_encoder(encoder, seed=seed)
    outputs: Features = feed.outputs(network.to(device).eval(), image_ids, "features").cpu().numpy()
    return outputs


def _feature_makers(
    prepared: Prepared, store: Store, pool: Sequence[str]
) -> dict[str, Callable[[Sequence[str]], Features]]:
    """What each baseline sees of films, by its name, in the order of `baseline_names`."""
    study, seed = prepared.study, prepared.study.seeds[0]
    makers: dict[str, Callable[[Sequence[str]], Features]] = {
        METADATA: partial(metadata_features, prepared.labelled.manifest),
        THUMBNAIL: partial(thumbnail_features, store),
    }
    for encoder in _frozen_encoders(study):
        makers[f"random {encoder}"] = partial(random_encoder_features, store, encoder=encoder, seed=seed)
    for encoder in _frozen_encoders(study):
        makers[f"calibrated {encoder}"] = partial(
            random_encoder_features, store, encoder=encoder, seed=seed, calibrated_on=pool
        )
    return makers


def _frozen_encoders(study: Study) -> list[str]:
    frozen = [arm.encoder for name, arm in study.arms.items() if study.finetuning_of(name).unfreeze == 0]
    return list(dict.fromkeys(frozen))
