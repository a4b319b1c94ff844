"""Labels from another table than the predictions, joined by image."""

from collections.abc import Callable
from pathlib import PurePosixPath

import polars as pl

from hilum.data.labels import LabelPolicy, targets
from hilum.data.manifest import finding_columns
from hilum.errors import HilumError
from hilum.evaluation.predictions.checks import LABEL, SCORE, with_canonical_findings
from hilum.notes import Code, Note, note

REASON = "reason"
"""Column of tables of `hilum predict`: reason why an image has no probabilities."""


def scored_rows(table: pl.DataFrame) -> tuple[pl.DataFrame, list[Note]]:
    """Drop images that were refused and have no probability; return the table and notes on them.

    Args:
        table: Table of predictions; unchanged without the column `reason`.
    """
    scores = [column for column in table.columns if column.startswith(SCORE)]
    if REASON not in table.columns or not scores:
        return table, []
    aside = pl.col(REASON).is_not_null() & pl.all_horizontal(pl.col(scores).is_null())
    refused = table.filter(aside)
    if refused.is_empty():
        return table, []
    counts = refused.group_by(REASON).len().sort("len", REASON, descending=[True, False])
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in counts.iter_rows())
    return table.filter(~aside), [note(Code.REFUSED_IMAGES, images=len(refused), reasons=reasons)]


def join_labels(
    table: pl.DataFrame, manifest: pl.DataFrame, label_policy: LabelPolicy, *, where: str
) -> tuple[pl.DataFrame, list[Note]]:
    """Join predictions with the labels of a data set.

    Images are matched by `image_id`; where none matches, by file name, and then by file name without suffix.

    Args:
        table: `image_id` and p_<finding>; a column y_<finding> is replaced.
        manifest: `image_id`, findings as codes (`hilum.data.manifest`), and `patient_id` where known.
        label_policy: Meaning of uncertain and not mentioned.
        where: Name of the labels, for messages.

    Returns:
        The table with y_<finding>, without images and findings that have no labels, with `patient_id` of the manifest
        where the table has none; and notes on it.

    Raises:
        HilumError: No image, or no finding, of the table has labels.
    """
    table, _ = with_canonical_findings(table)
    if "image_id" not in table.columns:
        fix = "Add the column, or put the labels y_<finding> into the table."
        raise HilumError(where, expected="predictions with the column image_id", found="none", fix=fix)
    table = table.drop([column for column in table.columns if column.startswith(LABEL)])
    scored = [column.removeprefix(SCORE) for column in table.columns if column.startswith(SCORE)]
    labelled = finding_columns(manifest)
    findings = [finding for finding in scored if finding in labelled]
    if not findings:
        found = f"labels of {', '.join(labelled[:8]) or 'nothing'}"
        raise HilumError(where, expected=f"labels of {', '.join(scored)}", found=found, fix="Give other labels.")
    ids, values = targets(manifest, findings, label_policy)
    given = pl.DataFrame({"image_id": ids} | {LABEL + each: values[:, at] for at, each in enumerate(findings)})
    given = given.with_columns(pl.col(LABEL + each).fill_nan(None) for each in findings)
    notes = []
    if without := [finding for finding in scored if finding not in labelled]:
        notes.append(note(Code.FINDINGS_WITHOUT_LABELS, labels=where, findings=", ".join(without)))
    given = given.join(manifest.select("image_id", pl.col("patient_id").alias("_patient")), on="image_id", how="left")
    joined = _by_any_name(table, given)
    if joined.is_empty():
        shown = f"{table['image_id'][0]}; the labels name {ids[0] if ids else 'no image'}"
        fix = "Use the same image ids in both tables."
        raise HilumError(where, expected="labels of the predicted images", found=f"none of {shown}", fix=fix)
    if len(joined) < len(table):
        without_labels = len(table) - len(joined)
        notes.append(note(Code.IMAGES_WITHOUT_LABELS, without=without_labels, images=len(table), labels=where))
    own = pl.col("patient_id") if "patient_id" in joined.columns else pl.lit(None, pl.String)
    joined = joined.with_columns(pl.coalesce(own, "_patient").alias("patient_id"))
    uncertain, blank = str(label_policy.uncertain), str(label_policy.not_mentioned)
    notes.append(note(Code.LABELS_FROM, labels=where, uncertain=uncertain, not_mentioned=blank))
    return joined.drop("_patient", *(SCORE + finding for finding in without)), notes


def _by_any_name(table: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Join by image id, or by file name, or by file name without suffix: the first that is unique and matches."""
    shortened: tuple[Callable[[str], str], ...] = (
        str,
        lambda image_id: PurePosixPath(image_id).name,
        lambda image_id: PurePosixPath(image_id).stem,
    )
    for shorten in shortened:
        own, other = (pl.Series(map(shorten, each["image_id"]), dtype=pl.String) for each in (table, labels))
        if other.is_duplicated().any():
            continue
        keys = labels.with_columns(_key=other).drop("image_id")
        joined = table.with_columns(_key=own).join(keys, on="_key", how="inner", maintain_order="left").drop("_key")
        if len(joined):
            return joined
    return table.join(labels, on="image_id", how="inner")
