"""Labels that a pretraining of a study is probed with: never those of test patients."""

import polars as pl

from hilum.data.splits import sample_patients
from hilum.data.store import Store
from hilum.pretext.monitoring import ProbedImages, probed_images
from hilum.study.prepared import Prepared

_HALF = 50.0  # percent of the validation patients, to fit


def labels_of_task(prepared: Prepared, store: Store | None = None) -> ProbedImages | None:
    """Labels of a study's validation patients, for a pretraining on the task's own data set.

    No label of a training patient is read: the labels of validation patients are those that a study has at every
    share of labelled training patients (`label_fraction`), so that the epoch that is kept depends on none, and changing
    the share pretrains nothing again. Probes are fitted to one half of these patients and scored on the other.

    Args:
        prepared: the study's data.
        store: leaves out the images that it does not hold; None: all that the tables have.
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
