"""How many images of the real ChestX-ray14 remain to pretrain on beside a task on some of them."""

import polars as pl
import pytest

from hilum.data.labels import Cohort, Contrast, LabelPolicy, task_images
from hilum.data.splits import held_out_patients, listed_split


@pytest.mark.shared_data
def test_the_pool_of_pneumonia_against_no_finding_is_that_of_the_whole_training_list(chestxray14):
    cohort = Cohort(contrast=Contrast("Pneumonia"))
    task = task_images(chestxray14, ["Pneumonia"], LabelPolicy(), cohort)
    split = listed_split(task, "official", validation=10)
    held_out = held_out_patients(chestxray14.manifest, split)
    pool = chestxray14.manifest.filter(~pl.col("patient_id").is_in(list(held_out)))
    assert set(pool["split"]) == {"train_val"}
    training = (split.assignment["split"] == "train").sum()
    assert training < 50_000
    assert 76_000 < len(pool) < 80_000
