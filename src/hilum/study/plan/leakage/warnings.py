"""Warnings about the data of a study: unknown patients and contradictory labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from hilum.data.tables import some
from hilum.notes import Code, Note, note
from hilum.study.data import pooled_id
from hilum.study.prepared import Prepared


@dataclass(frozen=True)
class DataWarning:
    """One warning about a data set.

    Attributes:
        data: Name of the data set.
        note: The warning.
    """

    data: str
    note: Note

    def as_data(self) -> dict[str, Any]:
        """Return the warning as JSON data: `data`, and the fields of `Note.as_data`."""
        return {"data": self.data, **self.note.as_data()}


def warnings_of(*views: Prepared) -> list[DataWarning]:
    """Return all warnings about the data sets of a study, each once.

    Args:
        views: Prepared tasks of one study.
    """
    found: dict[DataWarning, None] = {}
    for prepared in views:
        for name, data in prepared.data.items():
            found |= dict.fromkeys(DataWarning(name, each) for each in data.dataset.warnings)
        contradiction = contradictory_labels(prepared)
        if contradiction is not None:
            found[DataWarning(prepared.labelled.name, contradiction)] = None
    return list(found)


def contradictory_labels(prepared: Prepared) -> Note | None:
    """Find images of a task with equal files and contradictory labels.

    Args:
        prepared: Prepared data of the task. Files are compared within a `folder` and across data sets
            (`hilum.runs.pools.copies.equal_files`).
    """
    parts, findings = prepared.labelled.parts, prepared.study.task.findings
    codes = _codes_of(prepared.task.manifest, findings)
    groups, concerned = [], dict[str, None]()
    for group in prepared.identity.equal:
        names = [pooled_id(data, image_id) if parts else image_id for data, image_id in group if _is_of(prepared, data)]
        here = [name for name in names if name in codes]
        differ = [finding for place, finding in enumerate(findings) if {0, 1} <= {codes[name][place] for name in here}]
        if differ:
            groups.append(" and ".join(here[:2]))
            concerned |= dict.fromkeys(differ)
    if not groups:
        return None
    named = ", ".join(finding for finding in findings if finding in concerned)
    return note(Code.CONTRADICTORY_LABELS, groups=len(groups), findings=named, examples=some(groups))


def _is_of(prepared: Prepared, data: str) -> bool:
    return data in prepared.labelled.parts if prepared.labelled.parts else data == prepared.labelled.name


def _codes_of(manifest: pl.DataFrame, findings: Sequence[str]) -> Mapping[str, tuple[int | None, ...]]:
    """Return the label codes of each image, in the order of the findings; None if a finding is not labelled."""
    columns = [pl.col(name) if name in manifest.columns else pl.lit(None).alias(name) for name in findings]
    return {row[0]: row[1:] for row in manifest.select("image_id", *columns).iter_rows()}
