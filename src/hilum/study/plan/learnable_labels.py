"""Labels that a study cannot learn from, known from the tables before anything runs."""

import numpy as np

from hilum.data.labelled_images import LabelledImages
from hilum.study.generate import is_generated
from hilum.study.prepared import Prepared


def label_problems(prepared: Prepared) -> list[str]:
    """Findings that some replicate cannot learn, or that no epoch can be chosen by; a sentence each, with its key.

    Refused are exclusive classes without an image in training or validation, and findings without a positive or a
    negative among the images of a fraction of labels, by any seed's draw. A finding that all labels together lack is
    trained without and left out of averages, as the plan and the report say. Generated images, which only show that a
    study runs, are not looked at.
    """
    study = prepared.study
    if is_generated(study, study.labelled_data):
        return []
    problems = []
    findings, multiclass = study.task.findings, study.task.classes == "multiclass"
    percent = study.task.labelled_percent
    in_part = percent < 100
    for seed in study.seeds if multiclass or in_part else []:
        lacking = _lacking(prepared.task.train_of(seed), findings, both=not multiclass)
        if lacking:
            where = f"{percent:g} % of the labels, seed {seed}" if in_part else f"seed {seed}"
            fix = "raise label_fraction, or remove them from task.findings"
            problems.append(f"task.findings: {where} has no {', no '.join(lacking)} to train on. To fix it, {fix}.")
    if multiclass and (lacking := _lacking(prepared.task.val, findings, both=False)):
        fix = "choose another task.split, or remove them from task.findings and task.images.exactly_one_of"
        problems.append(f"task.split: validation has no {', no '.join(lacking)}. To fix it, {fix}.")
    return list(dict.fromkeys(problems))


def _lacking(images: LabelledImages, findings: list[str], *, both: bool) -> list[str]:
    """What is not there, in words: a positive image, and where both are needed a negative one."""
    positives, negatives = (np.asarray((images.targets == answer).sum(0)) for answer in (1, 0))
    missing = [f"image positive for {name}" for name, count in zip(findings, positives, strict=True) if not count]
    if both:
        missing += [f"image negative for {name}" for name, count in zip(findings, negatives, strict=True) if not count]
    return missing
