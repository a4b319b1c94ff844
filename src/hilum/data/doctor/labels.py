"""Checks of labels: contradictions, and findings that a split cannot evaluate."""

from collections.abc import Iterator

import polars as pl

from hilum.data.doctor.checked_dataset import CheckedDataset
from hilum.data.doctor.counts import UNLISTED
from hilum.data.doctor.issues import Issue, some
from hilum.data.manifest import finding_columns
from hilum.findings import NO_FINDING
from hilum.wording import counted

_NOT_ILL = {NO_FINDING, "Support Devices", "Pacemaker", "Sternotomy"}
"""Findings compatible with "No Finding": CheXpert's labeller ignores devices (Irvin et al. 2019, section 2)."""
_FEW = 10


def label_issues(data_set: CheckedDataset) -> Iterator[Issue]:
    """Report "No Finding" together with a finding, images without labels, and findings with no or few positives."""
    images, findings = data_set.manifest, finding_columns(data_set.manifest)
    ill = [name for name in findings if name not in _NOT_ILL]
    if NO_FINDING in findings and ill:
        torn = images.filter((pl.col(NO_FINDING) == 1) & pl.any_horizontal(pl.col(ill).eq_missing(1)))
        if len(torn):
            beside = [name for name in ill if (torn[name] == 1).any()]
            yield Issue(
                "error",
                "No Finding with a finding",
                data_set.name,
                f"{counted(len(torn))} {_are(len(torn))} labelled No Finding and also {some(beside)}.",
                "Fix the table: one of the two labels is wrong.",
                torn["image_id"].to_list(),
            )
    if findings:
        silent = images.filter(pl.all_horizontal(pl.col(findings).is_null()))
        if 0 < len(silent) < len(images):
            yield Issue(
                "note",
                "images without labels",
                data_set.name,
                f"{counted(len(silent))} of {len(images):,} have no label for any finding, not even No Finding.",
                "Use them for pretraining; exclude them from fine-tuning and tests.",
                silent["image_id"].to_list(),
            )
    yield from _unscorable(data_set, findings)


def _unscorable(data_set: CheckedDataset, findings: list[str]) -> Iterator[Issue]:
    listed = data_set.manifest.with_columns(pl.col("split").fill_null(UNLISTED))
    for split in ("train", "train_val", "val", "test"):
        part = listed.filter(pl.col("split") == split)
        if part.is_empty():
            continue
        positives = {name: int((part[name] == 1).sum()) for name in findings}
        mentioned = {name: len(part) - part[name].null_count() for name in findings}
        known = {name: positives[name] for name in findings if mentioned[name]}
        absent = [name for name, number in known.items() if number == 0]
        always = [name for name, number in known.items() if number == len(part)]
        few = [name for name, number in known.items() if 0 < number < _FEW]
        if absent or always:
            messages = [f"no image is positive for {some(absent, 5)}"] if absent else []
            messages += [f"every image is positive for {some(always, 5)}"] if always else []
            yield Issue(
                "warning",
                "findings that cannot be evaluated",
                data_set.name,
                f"In {split} ({counted(len(part))}), {'; '.join(messages)}.",
                f"Exclude these findings, or use another split: nothing can be {_use(split)} with one class.",
            )
        if few and split in ("val", "test"):
            numbers = [f"{name} ({positives[name]})" for name in few]
            yield Issue(
                "note",
                "few positive images",
                data_set.name,
                f"In {split}, fewer than {_FEW} images are positive for {some(numbers, 8)}.",
                "Expect wide intervals; `hilum power` computes the smallest detectable difference.",
            )


def _use(split: str) -> str:
    return "evaluated" if split in ("val", "test") else "learned"


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
