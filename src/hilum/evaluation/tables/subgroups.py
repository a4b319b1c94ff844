"""Subgroup analysis: metrics by sex, age band, view or source, with gaps on the same resamples.

A gap is the difference of a group to all images known to be in other groups. Underdiagnosis is the rate at which
patients with a finding are called healthy (Seyyed-Kalantari et al., Nature Medicine 27:2176-2182, 2021).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.tables import as_numbers, as_text, type_name
from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.columns import schema
from hilum.evaluation.estimation import ArmResamples, arms_of_layers, bootstrap_layers
from hilum.evaluation.inference import (
    benjamini_hochberg,
    estimate_columns,
    number_or_null,
    percentile_interval,
    two_sided_p,
)
from hilum.evaluation.metrics import AUROC, check_metrics
from hilum.evaluation.predictions import LEAST_PATIENTS, AlignedArms, Predictions, count_cases
from hilum.evaluation.predictions.align import align
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.thresholds import OPTIMISTIC, Thresholds
from hilum.notes import Code, Note, note, note_columns
from hilum.progress import ProgressReport, silent

AGE_BANDS = (0, 18, 40, 60, 80)
"""Lower ends of the age bands, in years; the last is open."""

UNDERDIAGNOSIS = "underdiagnosis"
"""Fraction of positives that are called negative at the threshold: 1 - sensitivity. For "No Finding" the fraction of
images with a finding that are called No Finding: 1 - specificity."""

SUBGROUPS_SCHEMA = schema(
    "attribute group finding metric estimate ci_low ci_high gap gap_ci_low gap_ci_high p p_adjusted n"
    " positive_patients negative_patients note codes"
)


def age_bands(ages: Sequence[float | None], lower_ends: Sequence[float] = AGE_BANDS) -> list[str | None]:
    """Return the age band of each age, for example "40-59"; None where unknown."""
    ends = [*lower_ends[1:], None]
    names = [
        f"{low:g}-{end - 1:g}" if end is not None else f"{low:g}+" for low, end in zip(lower_ends, ends, strict=True)
    ]
    places = [
        None if age is None or age < lower_ends[0] else int(np.searchsorted(lower_ends, age, "right")) - 1
        for age in ages
    ]
    return [None if place is None else names[place] for place in places]


def evaluate_subgroups(
    predictions: Sequence[Predictions],
    groups: Mapping[str, Mapping[str, str | None]],
    *,
    metrics: Sequence[str] = (AUROC,),
    thresholds: Sequence[Thresholds] | None = None,
    min_patients: int = EvaluationSettings.min_group,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Evaluate one arm in every group of every attribute, with each group's gap to the rest.

    Args:
        predictions: One table a seed, of the same images.
        groups: For each attribute (sex, age band, view, source) the group of each image id; images without a group, or
            with None, are excluded for that attribute.
        metrics: Names of `hilum.evaluation.METRICS`, or `underdiagnosis`.
        thresholds: One a seed; needed by underdiagnosis and metrics at a threshold.
        min_patients: Groups with fewer positive (or negative) patients of a finding are not reported, with a note.
        n_bootstrap: Number of bootstrap samples, at least 40; the same resamples for all groups.
        seed: Random seed of the resamples.
        on_progress: Receives the number of completed groups.

    Returns:
        attribute, group, finding, metric, estimate, ci_low, ci_high (95 %), gap (group - rest), gap_ci_low,
        gap_ci_high, p (two-sided), p_adjusted (Benjamini-Hochberg over all gaps of the metric), n (images),
        positive_patients, negative_patients, note, codes. The gaps of two groups differ in sign only and are one test.

    Raises:
        HilumError: Predictions do not match, metrics are unknown, thresholds are missing, too few resamples, or no
            image has a group.
    """
    check_ranges(BootstrapConfig, n_bootstrap=n_bootstrap)
    wanted = ["sensitivity" if name == UNDERDIAGNOSIS else name for name in metrics]
    if UNDERDIAGNOSIS in metrics:
        wanted.append("specificity")
    wanted = list(dict.fromkeys(wanted))
    check_metrics(wanted, thresholds=thresholds is not None)
    aligned = align({"": predictions})
    fixed = None if thresholds is None else {"": np.stack([one.of(aligned.findings) for one in thresholds])}
    image_ids = sorted(predictions[0].image_ids)
    jobs = [
        (attribute, group, inside, known & ~inside)
        for attribute, of_image in groups.items()
        for group, inside, known in _groups(attribute, of_image, image_ids)
    ]
    optimistic = [OPTIMISTIC] if thresholds is not None and any(one.optimistic for one in thresholds) else []
    rows: list[dict[str, object]] = []
    for done, (attribute, group, inside, rest) in enumerate(jobs, start=1):
        own, other = (_measure(aligned, mask, wanted, fixed, n_bootstrap, seed) for mask in (inside, rest))
        for at, finding in enumerate(aligned.findings):
            counts = [_patients(aligned, mask, at) for mask in (inside, rest)]
            for metric in metrics:
                row: dict[str, object] = {"attribute": attribute, "group": group, "finding": finding, "metric": metric}
                row |= {"n": int((~np.isnan(aligned.labels[inside, at])).sum())}
                row |= {"positive_patients": counts[0][0], "negative_patients": counts[0][1]}
                numbers, notes = _numbers(own, other, metric, at, counts, min_patients)
                rows.append(row | numbers | note_columns([*notes, *optimistic]))
        on_progress(done, len(jobs), attribute)
    return _adjusted(pl.DataFrame(rows, schema=SUBGROUPS_SCHEMA))


def _groups(
    attribute: str, of_image: Mapping[str, str | None], image_ids: list[str]
) -> list[tuple[str, NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return the name of each group, its images (N,), and the images with a known group (N,)."""
    given = [of_image.get(image) for image in image_ids]
    names = sorted({group for group in given if group is not None})
    if not names:
        fix = "Give the group of each image by its image_id."
        raise HilumError(f"groups of {attribute}", expected="a group for some image", found="none", fix=fix)
    values = np.array(["" if group is None else group for group in given])
    known = np.array([group is not None for group in given])
    return [(name, known & (values == name), known) for name in names]


def _measure(
    aligned: AlignedArms,
    mask: NDArray[np.bool_],
    metrics: Sequence[str],
    thresholds: dict[str, NDArray[np.float64]] | None,
    n_bootstrap: int,
    seed: int,
) -> ArmResamples:
    """Bootstrap the labels of one group; patients keep their numbers, so that resamples are the same for all groups."""
    labels = np.where(mask[:, None], aligned.labels, np.nan)
    only = AlignedArms(aligned.findings, labels, aligned.patients, aligned.scores, aligned.notes)
    none = np.zeros(len(aligned.findings), dtype=np.bool_)
    layers = bootstrap_layers(
        only, n_bootstrap=n_bootstrap, seed=seed, included=none, metrics=metrics, averages=(), thresholds=thresholds
    )
    return arms_of_layers(only, layers)[""]


def _patients(aligned: AlignedArms, mask: NDArray[np.bool_], at: int) -> tuple[int, int]:
    cases = count_cases(aligned.labels[mask][:, at : at + 1], aligned.patients[mask])
    return int(cases.positive_patients[0]), int(cases.negative_patients[0])


def _numbers(
    own: ArmResamples,
    other: ArmResamples,
    metric: str,
    at: int,
    counts: Sequence[tuple[int, int]],
    min_patients: int,
) -> tuple[dict[str, object], list[Note]]:
    """Return estimate and gap of a group, each with its interval, and notes."""
    here, there = (min(side) for side in counts)
    min_patients = max(min_patients, LEAST_PATIENTS)
    if here < min_patients:
        return {}, [note(Code.SMALL_GROUP, patients=here, min_patients=min_patients)]
    estimate, resampled = _of(own, metric, at)
    row: dict[str, object] = {**estimate_columns(estimate, percentile_interval(resampled, patients=here))}
    if there < min_patients:
        return row, [note(Code.SMALL_REST, patients=there, min_patients=min_patients)]
    rest, rest_resampled = _of(other, metric, at)
    gap, patients = resampled - rest_resampled, min(here, there)
    row |= estimate_columns(estimate - rest, percentile_interval(gap, patients=patients), name="gap", prefix="gap_")
    return row | {"p": number_or_null(two_sided_p(gap, patients=patients))}, []


def _of(arm: ArmResamples, metric: str, at: int) -> tuple[float, NDArray[np.float64]]:
    if metric != UNDERDIAGNOSIS:
        return float(arm.metrics[metric].estimate[at]), arm.metrics[metric].resampled[at]
    found = arm.metrics["specificity" if arm.findings[at] == "No Finding" else "sensitivity"]
    return 1 - float(found.estimate[at]), 1 - found.resampled[at]


def _adjusted(table: pl.DataFrame) -> pl.DataFrame:
    """Adjust p-values over all gaps of a metric; the gaps of two groups count once and share the result."""
    p = table["p"].fill_null(float("nan")).to_numpy().copy()
    groups = table.group_by("attribute").agg(pl.col("group").unique().sort())
    mirrors = {attribute: tuple(names) for attribute, names in groups.iter_rows() if len(names) == 2}
    rows = table.select("attribute", "group", "finding", "metric").rows()
    first = {}
    for index, (attribute, group, finding, metric) in enumerate(rows):
        if attribute in mirrors and group == mirrors[attribute][0]:
            first[attribute, finding, metric] = index
    mirrored = np.array([row[0] in mirrors and row[1] == mirrors[row[0]][1] for row in rows], dtype=bool)
    adjusted = np.full(len(rows), np.nan)
    for metric in table["metric"].unique():
        family = (table["metric"] == metric).to_numpy() & ~mirrored
        adjusted[family] = benjamini_hochberg(p[family])
    for index in np.flatnonzero(mirrored).tolist():
        attribute, _, finding, metric = rows[index]
        adjusted[index] = adjusted[first[attribute, finding, metric]]
    return table.with_columns(pl.Series("p_adjusted", adjusted, dtype=pl.Float64).fill_nan(None))


AGE = "age"
"""Column of ages in years, which are grouped in bands; other columns are used unchanged."""

Groups = dict[str, dict[str, str | None]]
"""For each attribute the group of each image id; None where unknown."""


def groups_by_column(
    table: pl.DataFrame, columns: Sequence[str], image_ids: Sequence[str], *, where: str
) -> tuple[Groups, list[Note]]:
    """Read groups of images from a table, as `columns_that_divide`, with at least one column.

    Raises:
        HilumError: As `columns_that_divide`; or no column with two groups.
    """
    groups, notes = columns_that_divide(table, columns, image_ids, where=where)
    if not groups:
        fix = "Group by a column that divides the images."
        raise HilumError(where, expected="two groups or more", found=" ".join(map(str, notes)), fix=fix)
    return groups, notes


def columns_that_divide(
    table: pl.DataFrame, columns: Sequence[str], image_ids: Sequence[str], *, where: str
) -> tuple[Groups, list[Note]]:
    """Read groups of images from the columns of a table that have two or more groups.

    Args:
        table: One row an image: `image_id` and the columns; may have more images.
        columns: For example sex, age (years), view, source.
        image_ids: Evaluated images.
        where: Name of the table, for messages.

    Returns:
        Groups of the evaluated images for every column with two or more groups; and notes on images of unknown group
        and on columns with a single group.

    Raises:
        HilumError: A missing column, a repeated image, or an age that is not a number.
    """
    missing = [name for name in ("image_id", *columns) if name not in table.columns]
    if missing:
        here = ", ".join(name for name in table.columns if not name.startswith(("y_", "p_")))
        found = f"no {', '.join(missing)}; the columns {here or '(none)'}"
        fix = "Name columns of the table, or give another table with --image-table."
        raise HilumError(where, expected=f"the columns image_id, {', '.join(columns)}", found=found, fix=fix)
    evaluated = pl.DataFrame({"image_id": list(image_ids)}, schema={"image_id": pl.String})
    known = pl.DataFrame([table["image_id"].cast(pl.String), *(table[name] for name in dict.fromkeys(columns))])
    known = known.join(evaluated, on="image_id", how="semi")
    twice = known["image_id"].filter(known["image_id"].is_duplicated())
    if len(twice):
        fix = "Keep one row for each image."
        raise HilumError(where, expected="each image_id once", found=f"{twice[0]} several times", fix=fix)
    rows = evaluated.join(known, on="image_id", how="left", maintain_order="left")
    groups: Groups = {}
    notes: list[Note] = []
    dates = (pl.Date, pl.Datetime, pl.Time)
    if others := [name for name in columns if as_text(table[name]) is None and table[name].dtype not in dates]:
        found = ", ".join(f"{name}, a column of {type_name(table[name])}" for name in others)
        raise HilumError(where, expected="columns of text or numbers", found=found, fix="Group by other columns.")
    for name in dict.fromkeys(columns):
        values = _bands(rows[name], where) if name == AGE else rows[name].cast(pl.String).to_list()
        different = sorted({value for value in values if value is not None})
        if len(different) < 2:
            why = f"all images are {different[0]}" if different else "not known"
            notes.append(note(Code.UNDIVIDED_COLUMN, column=name, why=why))
            continue
        groups[name] = dict(zip(image_ids, values, strict=True))
        if unknown := values.count(None):
            notes.append(note(Code.UNKNOWN_GROUPS, column=name, unknown=unknown, images=len(values)))
    return groups, notes


def _bands(ages: pl.Series, where: str) -> list[str | None]:
    years = as_numbers(ages)
    if years is None:
        found = f"a column of {type_name(ages)}"
        raise HilumError(f"{where}, {AGE}", expected="years, as numbers", found=found, fix="Write 58 for 058Y.")
    wrong = ages.filter(ages.is_not_null() & years.is_null())
    if len(wrong):
        found = f"{wrong[0]!r}, and {len(wrong) - 1:,} more" if len(wrong) > 1 else f"{wrong[0]!r}"
        raise HilumError(f"{where}, {AGE}", expected="years, as numbers", found=found, fix="Write 58 for 058Y.")
    return age_bands(years.fill_nan(None).to_list())
