"""Tables of a report, each with the split of its numbers."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from hilum.evaluation.metrics import MACRO, lower_is_better, overall_finding
from hilum.report.content import ArmSummary, DataSummary, ReportContent
from hilum.report.render import Cell, Column, Table, file_stem, formats
from hilum.report.render.formats import finding_name, place_of
from hilum.report.rows import direction

NO_LABELS = "(no labels)"
"""Name shown instead of a finding for a data set without labels."""

SHOWN_REJECTS = 20


def macro_first(findings: Sequence[str]) -> list[str]:
    """Return the distinct findings in their order, averages first."""
    return sorted(dict.fromkeys(findings), key=place_of)


def arms_table(arms: Sequence[ArmSummary]) -> Table:
    """Tabulate the arms with their initial weights."""
    columns = [
        Column("Arm"), Column("Encoder"), Column("Initial weights"), Column("Trainable parameters", numeric=True),
        Column("Trained on test patients"), Column("Seeds"), Column("Training time", numeric=True),
    ]  # fmt: skip
    rows = [
        [
            Cell(arm.title),
            Cell(arm.encoder),
            Cell(arm.starts_from),
            Cell(
                f"{formats.parameters(arm.trainable_parameters)} of {formats.parameters(arm.total_parameters)}",
                arm.trainable_parameters,
            ),
            _trained_on_test_patients(arm.trained_on_test_patients),
            Cell(", ".join(map(str, arm.seeds)) or "–", len(arm.seeds)),
            Cell(formats.duration(arm.seconds), arm.seconds),
        ]
        for arm in arms
    ]
    data = pl.DataFrame(
        {
            "arm": [arm.name for arm in arms],
            "encoder": [arm.encoder for arm in arms],
            "starts_from": [arm.starts_from for arm in arms],
            "trainable_parameters": [arm.trainable_parameters for arm in arms],
            "total_parameters": [arm.total_parameters for arm in arms],
            "trained_on_test_patients": [arm.trained_on_test_patients for arm in arms],
            "seeds": [" ".join(map(str, arm.seeds)) for arm in arms],
            "seconds": [arm.seconds for arm in arms],
        }
    )
    caption = "Arms. Training time is the sum over seeds, including pretraining in this study."
    return Table("arms", caption, columns, rows, data, dagger(arms))


def results_table(content: ReportContent, metric: str) -> Table:
    """Tabulate findings by arms: estimate with interval, marked where it differs from the reference arm."""
    metrics = content.metrics.filter(pl.col("metric") == metric)
    by_place = {(row["arm"], row["finding"]): row for row in metrics.to_dicts()}
    marks = _marks(content, metric)
    arms = [arm.name for arm in content.arms]
    findings = macro_first(metrics["finding"].to_list())
    rows = [
        [
            Cell(finding_name(finding)),
            *(estimate_cell(by_place.get((arm, finding)), marks.get((arm, finding), "")) for arm in arms),
            _positives(next(by_place[arm, finding] for arm in arms if (arm, finding) in by_place)),
        ]
        for finding in findings
    ]
    name = formats.metric_name(metric)
    notes = []
    if content.reference is not None and not content.comparisons.is_empty():
        notes.append(
            f"▲ better, ▼ worse than {content.reference}, adjusted p < 0.05. The highest value itself is not marked."
        )
    notes += dagger(content.arms)
    notes += note_texts(metrics)
    if lower_is_better(metric):
        notes.append("Lower is better.")
    caption = f"{formats.capital(name)} with 95 % intervals over patients. Computed on {content.scored_on}."
    columns = [
        Column("Finding"),
        *(Column(arm.title, numeric=True) for arm in content.arms),
        Column("Positive images", numeric=True),
    ]
    return Table(file_stem("results", metric), caption, columns, rows, with_split(metrics, content), notes)


def comparisons_table(content: ReportContent) -> Table:
    """Tabulate the paired comparisons in the first metric: difference, p, adjusted p, detectable difference."""
    comparisons = content.comparisons
    first = comparisons["metric"][0]
    shown = comparisons.filter(pl.col("metric") == first)
    ordered = sorted(shown.to_dicts(), key=lambda row: place_of(row["finding"]))
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [[Cell(finding_name(row["finding"])), *_compared(row, titles)] for row in ordered]
    caption = f"Differences in {formats.metric_name(first)}, on the same resamples of patients. "
    notes = ["Detectable: the smallest difference that this test set detects with 80 % power.", *dagger(content.arms)]
    if len(shown) < len(comparisons):
        notes.append("The CSV file holds all metrics.")
    if "family" in shown.columns:
        families = shown["family"].drop_nulls().unique(maintain_order=True).to_list()
        notes.append(f"Families of tests, each adjusted separately: {'; '.join(families)}.")
    notes += [note for note in note_texts(shown) if note not in note_texts(content.metrics)]
    caption += f"Computed on {content.scored_on}."
    return Table("comparisons", caption, _comparing("Finding"), rows, with_split(comparisons, content), notes)


def other_metrics_table(content: ReportContent) -> Table | None:
    """Tabulate the differences averaged over findings in the other metrics; None without any."""
    comparisons = content.comparisons
    overall = overall_finding(comparisons["finding"].to_list())
    others = comparisons.filter((pl.col("metric") != comparisons["metric"][0]) & (pl.col("finding") == overall))
    if others.is_empty():
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    rows = [
        [Cell(formats.capital(formats.metric_name(row["metric"]))), *_compared(row, titles)]
        for row in others.to_dicts()
    ]
    lower = [
        formats.metric_name(name) for name in others["metric"].unique(maintain_order=True) if lower_is_better(name)
    ]
    notes = ["Each metric is adjusted separately."]
    if lower:
        notes.append(f"Lower is better for {formats.listing(lower)}.")
    caption = f"{'Macro differences' if overall == MACRO else 'Differences'} in other metrics. Computed on "
    caption += f"{content.scored_on}."
    return Table("comparisons_macro", caption, _comparing("Metric"), rows, with_split(others, content), notes)


def _comparing(of_what: str) -> list[Column]:
    return [
        Column(of_what), Column("Comparison"), Column("Difference (95 % CI)", numeric=True),
        Column("p", numeric=True), Column("Adjusted p", numeric=True), Column("Detectable", numeric=True),
    ]  # fmt: skip


def _compared(row: dict[str, Any], titles: dict[str, str]) -> list[Cell]:
    return [
        Cell(f"{titles[row['arm']]} − {titles[row['reference']]}"),
        difference_cell(row),
        Cell(formats.p_value(row["p"]), order_of(row["p"])),
        Cell(formats.p_value(row["p_adjusted"]), order_of(row["p_adjusted"])),
        Cell(
            formats.decimal(row.get("minimum_detectable_difference")),
            order_of(row.get("minimum_detectable_difference")),
        ),
    ]


def counts_table(data: DataSummary) -> Table:
    """Tabulate images, patients and positives of each finding in each split."""
    parts = data.counts["split"].unique(maintain_order=True).to_list()
    findings = data.counts["finding"].unique(maintain_order=True).to_list()
    always = ("images", "patients", "positives")
    values = [name for name in data.counts.columns if name in always or _has_any(data.counts, name)]
    by_place = {(row["split"], row["finding"]): row for row in data.counts.to_dicts()}
    columns = [Column("Finding"), *(Column(f"{part} {value}", numeric=True) for part in parts for value in values)]
    rows = [
        [
            Cell(NO_LABELS if finding is None else finding),
            *(
                Cell(formats.count(number), order_of(number), "" if formats.known(number) else "faint")
                for part in parts
                for number in (by_place.get((part, finding), {}).get(value) for value in values)
            ),
        ]
        for finding in findings
    ]
    title = f" Split {data.split_title}." if data.split_title else ""
    caption = f"Images, patients and positive images of {data.name}.{title}"
    return Table(file_stem("counts", data.name), caption, columns, rows, data.counts)


def labelled_table(content: ReportContent) -> Table:
    """Tabulate the labelled training images, patients and positives of each seed."""
    table = content.labelled if content.labelled is not None else pl.DataFrame()
    findings = table["finding"].unique(maintain_order=True).to_list()
    rows = [
        [
            Cell(str(seed), seed),
            Cell(formats.count(of_seed["images"][0]), of_seed["images"][0]),
            Cell(formats.count(of_seed["patients"][0]), of_seed["patients"][0]),
            *(Cell(formats.count(number), number) for number in of_seed["positives"]),
        ]
        for (seed,), of_seed in table.group_by("seed", maintain_order=True)
    ]
    columns = [Column("Seed"), Column("Images", numeric=True), Column("Patients", numeric=True)]
    columns += [Column(finding, numeric=True) for finding in findings]
    caption = (
        f"Labelled training images and positives of each seed ({table['percent'][0]:g} % of the training patients)."
    )
    return Table("labelled", caption, columns, rows, table)


def rejected_table(data: DataSummary) -> Table:
    """Tabulate unreadable images with the reason."""
    total = len(data.rejected)
    shown = data.rejected.head(SHOWN_REJECTS)
    rows = [[Cell(str(row["image_id"])), Cell(str(row["reason"]))] for row in shown.to_dicts()]
    notes = [f"{total - SHOWN_REJECTS:,} more in the CSV file."] if total > SHOWN_REJECTS else []
    caption = f"Unreadable images of {data.name}: {total:,}."
    name = file_stem("rejected", data.name)
    return Table(name, caption, [Column("Image"), Column("Reason")], rows, data.rejected, notes)


def provenance_table(provenance: Sequence[tuple[str, str]]) -> Table:
    """Tabulate versions, hashes and hardware."""
    rows = [[Cell(name), Cell(value)] for name, value in provenance]
    data = pl.DataFrame(
        {"name": [name for name, _ in provenance], "value": [value for _, value in provenance]},
        schema={"name": pl.String, "value": pl.String},
    )
    caption = "Versions, settings, hashes and hardware of these results."
    return Table("provenance", caption, [Column("Name"), Column("Value")], rows, data)


def _has_any(counts: pl.DataFrame, name: str) -> bool:
    """Return whether a further column of the counts has a value other than 0."""
    return name not in ("split", "finding") and bool((counts[name] != 0).any())


def dagger(arms: Sequence[ArmSummary]) -> list[str]:
    """Explain the daggers behind the names of these arms."""
    notes = []
    if any(arm.trained_on_test_patients for arm in arms):
        notes.append("† Trained on test patients: results are too optimistic.")
    if any(arm.trained_on_test_patients is None for arm in arms):
        notes.append("(†) Possibly trained on test patients: the training images of its weights are not known.")
    return notes


def with_split(table: pl.DataFrame, content: ReportContent) -> pl.DataFrame:
    """Add the column `scored_on` of the CSV file: the data that each row was computed on."""
    return table.with_columns(pl.lit(content.scored_on).alias("scored_on"))


def note_texts(table: pl.DataFrame) -> list[str]:
    """Return the distinct notes of the rows with their findings."""
    by_note: dict[str, list[str]] = {}
    for row in table.to_dicts():
        if row.get("note"):
            by_note.setdefault(row["note"], []).append(finding_name(row["finding"]))
    return [f"{formats.listing(list(dict.fromkeys(findings)))}: {note}." for note, findings in by_note.items()]


def _marks(content: ReportContent, metric: str) -> dict[tuple[str, str], str]:
    if content.reference is None or content.comparisons.is_empty():
        return {}
    rows = content.comparisons.filter(
        (pl.col("metric") == metric) & (pl.col("reference") == content.reference)
    ).to_dicts()
    return {(row["arm"], row["finding"]): direction(row) for row in rows}


def estimate_cell(row: dict[str, Any] | None, mark: str = "") -> Cell:
    """Return the cell of an estimate with its interval."""
    if row is None or not formats.known(row["estimate"]):
        return Cell("not estimable" if row else "–", None, "faint")
    text = formats.estimate(row["estimate"], row["ci_low"], row["ci_high"])
    return Cell(text, row["estimate"], "better" if mark == "better" else "worse" if mark == "worse" else "")


def difference_cell(row: dict[str, Any]) -> Cell:
    """Return the cell of a difference with its interval, marked if it is significant."""
    text = formats.difference(row["difference"], row["ci_low"], row["ci_high"], signed=True)
    found = direction(row)
    if not formats.known(row["difference"]):
        return Cell(text, None, "faint")
    return Cell(text, row["difference"], "better" if found == "better" else "worse" if found == "worse" else "")


def _positives(row: dict[str, Any]) -> Cell:
    if not formats.known(row["positives"]):
        return Cell(f"{formats.count(row['n'])} images", None)
    return Cell(f"{formats.count(row['positives'])} of {formats.count(row['n'])}", row["positives"])


def _trained_on_test_patients(value: bool | None) -> Cell:
    return Cell("not known", "b") if value is None else Cell("YES", "c", "warning") if value else Cell("no", "a")


def order_of(value: float | None) -> float | None:
    """Return the sort key of a number; NaN and null sort last."""
    return value if formats.known(value) else None
