"""Models that need no radiology: they see who was imaged, or next to nothing of the image."""

from dataclasses import replace

import cv2
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from hilum.finetuning.shortcut_names import METADATA, THUMBNAIL
from hilum.progress import silent
from hilum.study.execution import score_baselines, store_of
from hilum.study.plan.prepare import prepare
from hilum.study.plan.steps import baseline_names


@pytest.fixture(scope="module")
def prepared(small_study, images):
    return prepare(small_study, {"images": images})


def test_random_encoders_stand_beside_arms_that_keep_theirs_frozen(small_study):
    assert baseline_names(small_study) == [METADATA, THUMBNAIL, "random small_convnet", "calibrated small_convnet"]
    thawed = small_study.model_copy(update={"arms": {"scratch": small_study.arms["scratch"]}})
    assert baseline_names(thawed) == [METADATA, THUMBNAIL]


def test_a_study_leaves_scores_of_every_baseline_for_validation_and_test_images(finished, prepared, small_study):
    for name in baseline_names(small_study):
        scores = pl.read_parquet(finished / "baselines" / f"{name}.parquet")
        assert scores["image_id"].to_list() == [*prepared.task.val.image_ids, *prepared.task.test_ids]
        assert scores.columns[1:] == [f"p_{finding}" for finding in small_study.task.findings]
        assert scores.drop("image_id").to_numpy().min() >= 0


def test_a_thumbnail_reads_brightness_and_the_metadata_do_not(prepared, finished, tmp_path):
    """Half of the images are made brighter and called positive: the thumbnail must see that, age and sex cannot."""
    store = store_of(finished, "images")
    task = prepared.task
    bright = {*task.train.image_ids[::2], *task.val.image_ids[::2], *task.test_ids[::2]}
    pixels = np.array(store.pixels)
    for row, image_id in zip(store.rows(store.image_ids), store.image_ids, strict=True):
        pixels[row] = cv2.convertScaleAbs(pixels[row], alpha=0.6, beta=90.0 * (image_id in bright))

    def labelled(images):
        positive = [[image_id in bright] * 3 for image_id in images.image_ids]
        return replace(images, targets=np.array(positive, dtype=np.float32))

    changed = replace(prepared, task=replace(task, train=labelled(task.train), val=labelled(task.val)))
    score_baselines(changed, replace(store, pixels=pixels), tmp_path / "baselines", silent)
    truth = [image_id in bright for image_id in task.test_ids]
    aurocs = {
        name: roc_auc_score(
            truth, pl.read_parquet(tmp_path / "baselines" / f"{name}.parquet").tail(len(truth))["p_Infiltration"]
        )
        for name in (METADATA, THUMBNAIL)
    }
    assert aurocs[THUMBNAIL] > 0.95
    assert aurocs[METADATA] < 0.75
