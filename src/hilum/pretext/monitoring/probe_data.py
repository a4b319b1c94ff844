"""Images whose labels a pretraining run is probed with: few enough to cost little, enough to distinguish epochs."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.draws import Stream, image_keys, shuffled

MOST_TO_FIT, MOST_TO_SCORE = 2000, 1000
"""Images; the features of both cost one pass forward, a few percent of an epoch over 100,000 images."""
LEAST_POSITIVE = 10
"""Patients with, and patients without a finding, in either part. With fewer to score, AUROC has a standard error of 0.1
and more (Hanley & McNeil, Radiology 1982, eq. 1), several times what lies between two epochs."""


@dataclass(frozen=True)
class ProbedImages:
    """Images of the probes of one run.

    Attributes:
        findings: F of them that are distinguished.
        train: images that the probes are fitted to, targets (N, F).
        val: images that are scored, of other patients.
        positives: patients with each finding among those of `val`, (F).
        decides: every finding has `LEAST_POSITIVE` patients on either side, so that the probe may choose the epoch.
    """

    findings: list[str]
    train: LabelledImages
    val: LabelledImages
    positives: list[int]
    decides: bool

    @property
    def patients(self) -> list[str]:
        """Of all images, image by image."""
        return [*self.train.patient_ids, *self.val.patient_ids]

    @property
    def digest(self) -> str:
        """Of images and labels: what the choice depends on."""
        lines = [*self.train.image_ids, "", *self.val.image_ids, "", *self.findings]
        sums = hashlib.sha256("\n".join(lines).encode())
        for part in (self.train, self.val):
            sums.update(np.nan_to_num(part.targets, nan=-1.0).tobytes())
        return sums.hexdigest()[:16]

    @property
    def in_words(self) -> str:
        """What is read of whom."""
        parts = (
            f"{len(part.image_ids):,} images of {len(set(part.patient_ids)):,} patients"
            for part in (self.train, self.val)
        )
        return "fitted to {}, scored on {}".format(*parts)


def probed_images(findings: list[str], train: LabelledImages, val: LabelledImages, *, seed: int) -> ProbedImages | None:
    """Draw images for the probes of a run: whole patients by lot, at most `MOST_TO_FIT` and `MOST_TO_SCORE` images.

    Args:
        findings: columns of the targets.
        train: images whose labels may be learnt from; those of patients in `val` are left out.
        val: never images of test patients.
        seed: of the lot.

    Returns:
        With the findings that have enough positive and negative patients; where none has, with all that can be scored
        at all, and then they decide nothing. None where there are none of those either.
    """
    scored = set(val.patient_ids)
    train = _rows(train, [row for row, patient in enumerate(train.patient_ids) if patient not in scored])
    train, val = (_drawn(part, most, seed) for part, most in ((train, MOST_TO_FIT), (val, MOST_TO_SCORE)))
    for least, decides in ((LEAST_POSITIVE, True), (1, False)):
        chosen = [
            column
            for column in range(len(findings))
            if all(min(_patients(part, column, label) for label in (0, 1)) >= least for part in (train, val))
        ]
        if chosen:
            return ProbedImages(
                [findings[column] for column in chosen],
                _columns(train, chosen),
                _columns(val, chosen),
                [_patients(val, column, 1) for column in chosen],
                decides,
            )
    return None


def _drawn(images: LabelledImages, most: int, seed: int) -> LabelledImages:
    """Whole patients in the order of a lot, as long as there is room; a patient with too many images is passed over."""
    rows_of: dict[str, list[int]] = {}
    for row, patient in enumerate(images.patient_ids):
        rows_of.setdefault(patient, []).append(row)
    patients = list(rows_of)
    rows: list[int] = []
    for place in shuffled(seed, image_keys(patients), use=Stream.PROBE):
        own = rows_of[patients[place]]
        if len(rows) + len(own) <= most:
            rows += own
    return _rows(images, sorted(rows))


def _rows(images: LabelledImages, rows: list[int]) -> LabelledImages:
    return LabelledImages(
        [images.image_ids[row] for row in rows], [images.patient_ids[row] for row in rows], images.targets[rows]
    )


def _columns(images: LabelledImages, columns: list[int]) -> LabelledImages:
    """With these findings; a third class, uncertain, is masked."""
    targets: NDArray[np.float32] = images.targets[:, columns]
    targets = np.where(targets == UNCERTAIN_CLASS, np.float32(np.nan), targets)
    return LabelledImages(images.image_ids, images.patient_ids, targets)


def _patients(images: LabelledImages, column: int, label: int) -> int:
    rows = np.flatnonzero(images.targets[:, column] == label)
    return len({images.patient_ids[row] for row in rows})
