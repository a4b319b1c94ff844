"""Validation labels for the online probe of a pretraining."""

import polars as pl

from hilum.data.splits import sample_patients
from hilum.data.store import Store
from hilum.pretext.monitoring import ProbedImages, probed_images
from hilum.study.prepared import Prepared

_HALF = 50.0  # percent of the validation patients


def labels_of_task(prepared: Prepared, store: Store | None = None) -> ProbedImages | None:
    """Return the labels of validation patients for the probe of a pretraining on the task's data set.

    Labels of training patients are not used, so that the selected epoch is the same at every label fraction. Probes are
    fitted to one half of the validation patients and scored on the other.

    Args:
        prepared: Prepared data of the task.
        store: Store of the data set, to exclude images that it does not contain; None: all images.
    """
    study, task = prepared.study, prepared.task
    images = task.val if store is None else task.val.only(set(store.image_ids))
    if not images.image_ids:
        return None
    patients = pl.Series(images.patient_ids, dtype=pl.String)
    fitted = set(sample_patients(patients, _HALF, study.task.split_seed))
    rows = list(zip(images.image_ids, images.patient_ids, strict=True))
    to_fit, to_score = (
        images.only({image_id for image_id, patient in rows if (patient in fitted) is inside})
        for inside in (True, False)
    )
    return probed_images(list(study.task.findings), to_fit, to_score, seed=study.task.split_seed)
