"""Checks that every finding has labels to train and validate on."""

import numpy as np

from hilum.data.labelled_images import LabelledImages
from hilum.study.generate import is_generated
from hilum.study.prepared import Prepared


def label_problems(prepared: Prepared) -> list[str]:
    """Find findings without labels to train or validate on.

    Reported are classes of a multiclass task without a training or validation image, and findings without a positive
    or a negative image in the labelled subset of a seed. A finding without positives in the full training set is
    excluded from averages instead. Studies on generated images are not checked.

    Returns:
        One sentence per problem, with the key to change.
    """
    study = prepared.study
    if is_generated(study, study.labelled_data):
        return []
    problems = []
    findings, multiclass = study.task.findings, study.task.classes == "multiclass"
    percent = study.task.labelled_percent
    is_subset = percent < 100
    for seed in study.seeds if multiclass or is_subset else []:
        lacking = _lacking(prepared.task.train_of(seed), findings, both=not multiclass)
        if lacking:
            where = f"{percent:g} % of the labels, seed {seed}" if is_subset else f"seed {seed}"
            fix = "raise label_fraction, or remove them from task.findings"
            problems.append(f"task.findings: {where} has no {', no '.join(lacking)} to train on. To fix it, {fix}.")
    if multiclass and (lacking := _lacking(prepared.task.val, findings, both=False)):
        fix = "choose another task.split, or remove them from task.findings and task.images.exactly_one_of"
        problems.append(f"task.split: validation has no {', no '.join(lacking)}. To fix it, {fix}.")
    return list(dict.fromkeys(problems))


def _lacking(images: LabelledImages, findings: list[str], *, both: bool) -> list[str]:
    """Describe missing labels: no positive image, or with `both` no negative one."""
    positives, negatives = (np.asarray((images.targets == answer).sum(0)) for answer in (1, 0))
    missing = [f"image positive for {name}" for name, count in zip(findings, positives, strict=True) if not count]
    if both:
        missing += [f"image negative for {name}" for name, count in zip(findings, negatives, strict=True) if not count]
    return missing
