"""Alignment of arms: the same images, labels and patients in the same order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.errors import HilumError
from hilum.evaluation.predictions.checks import first_few
from hilum.evaluation.predictions.table import Predictions
from hilum.notes import Code, Note, note
from hilum.wording import counted


@dataclass(frozen=True)
class AlignedArms:
    """Predictions of several arms and seeds for the same N images of P patients.

    Attributes:
        findings: F names.
        labels: (N, F), 1, 0 or NaN (unknown).
        patients: (N,) int32, 0 to P - 1 in the order of patient ids, independent of the order of rows.
        scores: For each arm (S, N, F), one layer a seed.
        notes: Notes on all tables, each once.
    """

    findings: list[str]
    labels: NDArray[np.float64]
    patients: NDArray[np.int32]
    scores: dict[str, NDArray[np.float64]]
    notes: list[Note]


def align(arms: Mapping[str, Sequence[Predictions]]) -> AlignedArms:
    """Align all predictions in the order of image ids.

    Args:
        arms: For each arm its predictions, one table a seed.

    Raises:
        HilumError: No predictions; or tables that differ in images, findings, labels, patients or split.
    """
    tables = [table for seeds in arms.values() for table in seeds]
    empty = [arm for arm, seeds in arms.items() if not seeds]
    if empty or not tables:
        named = f"arm {empty[0]}" if empty else "arms"
        raise HilumError(named, expected="predictions of at least one seed", found="none", fix="Give a table.")
    reference = next((table for table in tables if table.patients_named), tables[0])
    for table in tables:
        if len(tables) > 1:
            _check_same_ground(reference, table)
    ordered = {id(table): _by_image_id(table, reference.findings) for table in tables}
    labels = ordered[id(reference)][0]
    for table in tables:
        _check_same_labels(reference, labels, table, ordered[id(table)][0])

    _, patients = np.unique(np.array(reference.frame.sort("image_id")["patient_id"].to_list()), return_inverse=True)
    notes = list(dict.fromkeys(each for table in tables for each in table.notes))
    if reference.patients_named and not all(table.patients_named for table in tables):
        notes = [each for each in notes if each.code != Code.NO_PATIENT_IDS]
        notes.append(note(Code.BORROWED_PATIENT_IDS, table=reference.name))
    return AlignedArms(
        findings=reference.findings,
        labels=labels,
        patients=patients.astype(np.int32),
        scores={arm: np.stack([ordered[id(table)][1] for table in seeds]) for arm, seeds in arms.items()},
        notes=notes,
    )


def _by_image_id(table: Predictions, findings: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return labels and scores (N, F), with rows sorted by image id and columns as in `findings`."""
    rows = table.frame["image_id"].arg_sort().to_numpy()
    columns = [table.findings.index(finding) for finding in findings]
    return table.labels[rows][:, columns], table.scores[rows][:, columns]


def _check_same_ground(reference: Predictions, table: Predictions) -> None:
    where = f"{reference.name} and {table.name}"
    unnamed = next((one for one in (reference, table) if not one.images_named), None)
    if unnamed is not None:
        raise HilumError(
            unnamed.name,
            expected="a column image_id, to pair it with another table",
            found="none",
            fix="Add it; the order of rows is not a reliable key.",
        )
    _check_same_names(where, "findings", reference.name, reference.findings, table.name, table.findings)
    _check_same_names(where, "images", reference.name, reference.image_ids, table.name, table.image_ids)
    if reference.split and table.split and reference.split != table.split:
        found = f"{reference.split} and {table.split}"
        raise HilumError(where, expected="the same split", found=found, fix="Choose one with --split.")
    if reference.patients_named and table.patients_named:
        pairs = reference.frame.join(table.frame, on="image_id").select("image_id", "patient_id", "patient_id_right")
        differ = pairs.filter(pairs["patient_id"] != pairs["patient_id_right"])
        if len(differ):
            image, first, second = differ.row(0)
            found = f"{counted(len(differ))} that differ ({image}: {first} and {second})"
            raise HilumError(where, expected="the same patient for an image", found=found, fix="Correct patient_id.")


def _check_same_names(
    where: str, what: str, first_name: str, first: Sequence[str], second_name: str, second: Sequence[str]
) -> None:
    if set(first) == set(second):
        return
    differences = []
    for name, own, other in ((first_name, first, second), (second_name, second, first)):
        alone = sorted(set(own) - set(other))
        if alone:
            differences.append(f"{len(alone):,} only in {name} ({first_few(alone)})")
    raise HilumError(
        where,
        expected=f"the same {what}",
        found="; ".join(differences),
        fix=f"Keep the {what} of both: a paired comparison needs the same ones.",
    )


def _check_same_labels(
    reference: Predictions, labels: NDArray[np.float64], table: Predictions, other: NDArray[np.float64]
) -> None:
    differ = ~((labels == other) | (np.isnan(labels) & np.isnan(other)))
    if not differ.any():
        return
    row, column = np.argwhere(differ)[0]
    image = reference.frame["image_id"].sort()[int(row)]
    was, now = ("unknown" if np.isnan(value) else f"{value:.0f}" for value in (labels[row, column], other[row, column]))
    raise HilumError(
        f"{reference.name} and {table.name}",
        expected="the same labels for the same images",
        found=f"{differ.sum():,} that differ (y_{reference.findings[column]} of {image}: {was} and {now})",
        fix="Use one label table for both.",
    )
