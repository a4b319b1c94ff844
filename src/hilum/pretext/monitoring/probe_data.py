"""Labelled images of the online probe: a sample of patients for fitting and one for scoring."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.draws import Stream, image_keys, shuffled
from hilum.wording import counted

MOST_TO_FIT, MOST_TO_SCORE = 2000, 1000
"""Maximum images; one forward pass over both costs a few percent of an epoch over 100,000 images."""
LEAST_POSITIVE = 10
"""Minimum patients with and without a finding in each part. With fewer, AUROC has a standard error of 0.1 or more
(Hanley & McNeil, Radiology 1982, eq. 1), several times the difference between two epochs."""


@dataclass(frozen=True)
class ProbedImages:
    """Images of the online probe of a run.

    Attributes:
        findings: Names of the F findings.
        train: Images to fit, targets (N, F).
        val: Images to score, of other patients.
        positives: Number of positive patients of each finding in `val`, (F,).
        decides: True if each finding has `LEAST_POSITIVE` positive and negative patients in both parts, so that the
            probe may select the epoch.
    """

    findings: list[str]
    train: LabelledImages
    val: LabelledImages
    positives: list[int]
    decides: bool

    @property
    def patients(self) -> list[str]:
        """Patient of each image, of both parts."""
        return [*self.train.patient_ids, *self.val.patient_ids]

    @property
    def digest(self) -> str:
        """Digest of images and labels, 16 hex digits."""
        lines = [*self.train.image_ids, "", *self.val.image_ids, "", *self.findings]
        sums = hashlib.sha256("\n".join(lines).encode())
        for part in (self.train, self.val):
            sums.update(np.nan_to_num(part.targets, nan=-1.0).tobytes())
        return sums.hexdigest()[:16]

    @property
    def description(self) -> str:
        """Numbers of images and patients as text."""
        parts = (
            f"{counted(len(part.image_ids))} of {counted(len(set(part.patient_ids)), 'patient')}"
            for part in (self.train, self.val)
        )
        return "fitted to {}, scored on {}".format(*parts)


def probed_images(findings: list[str], train: LabelledImages, val: LabelledImages, *, seed: int) -> ProbedImages | None:
    """Sample patients at random for the online probe, at most `MOST_TO_FIT` and `MOST_TO_SCORE` images.

    Args:
        findings: Names of the target columns.
        train: Labelled training images; patients of `val` are excluded.
        val: Validation images; must not contain test patients.
        seed: Random seed of the sample.

    Returns:
        Images with the findings that have enough positive and negative patients. If none has, all findings that can be
        scored, with `decides` False; None if none can be scored.
    """
    scored = set(val.patient_ids)
    train = _rows(train, [row for row, patient in enumerate(train.patient_ids) if patient not in scored])
    train, val = (_sample(part, most, seed) for part, most in ((train, MOST_TO_FIT), (val, MOST_TO_SCORE)))
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


def _sample(images: LabelledImages, most: int, seed: int) -> LabelledImages:
    """Take whole patients in random order up to `most` images; patients with too many images are skipped."""
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
    """Select findings; the class "uncertain" is masked."""
    targets: NDArray[np.float32] = images.targets[:, columns]
    targets = np.where(targets == UNCERTAIN_CLASS, np.float32(np.nan), targets)
    return LabelledImages(images.image_ids, images.patient_ids, targets)


def _patients(images: LabelledImages, column: int, label: int) -> int:
    rows = np.flatnonzero(images.targets[:, column] == label)
    return len({images.patient_ids[row] for row in rows})
