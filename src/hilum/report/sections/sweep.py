"""What was tried before the arms were trained: how many settings, which were chosen, and what mattered."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from hilum.report.figures.parallel_coordinates import parallel_coordinates
from hilum.report.render import Block, Cell, Column, FigureGroup, Prose, Table, file_stem, formats
from hilum.report.sweep_summary import SweepSummary


def sweep_blocks(sweeps: Sequence[SweepSummary]) -> list[Block]:
    """Tables and figures of all sweeps; none where there was none."""
    if not sweeps:
        return []
    blocks: list[Block] = [Prose([_selection_in_words(sweep) for sweep in sweeps], True), tried_table(sweeps)]
    blocks += [table for sweep in sweeps for table in best_tables(sweep)]
    if (importance := importance_table(sweeps)) is not None:
        blocks.append(importance)
    figures = [parallel_coordinates(sweep) for sweep in sweeps if sweep.varied]
    if figures:
        caption = (
            "A line for each trial, through its settings to what it came to on validation images; the thick one was "
            "selected, pale ones were pruned. Settings stand in the order of their values, not to scale."
        )
        blocks.append(FigureGroup(caption, figures))
    return blocks


def tried_table(sweeps: Sequence[SweepSummary]) -> Table:
    """One row an arm: how many settings were tried, and what was selected."""
    columns = [
        Column("Arm"), Column("Search"), Column("Tried", numeric=True), Column("Complete", numeric=True),
        Column("Pruned", numeric=True), Column("Diverged", numeric=True), Column("Selected"),
        Column("Validation loss", numeric=True), Column("Validation AUROC", numeric=True),
        Column("Steps of all", numeric=True), Column("Time", numeric=True),
    ]  # fmt: skip
    rows, data = [], []
    for sweep in sweeps:
        chosen = sweep.trials.row(by_predicate=pl.col("trial") == sweep.selected, named=True)
        settings = dict(zip(sweep.trials["trial"], sweep.settings, strict=True))[sweep.selected]
        steps, seconds = int(sweep.trials["steps"].sum()), float(sweep.trials["seconds"].sum())
        counts = [sweep.count(state) for state in ("complete", "pruned", "diverged")]
        rows.append(
            [
                Cell(sweep.arm),
                Cell(sweep.search),
                *(Cell(formats.count(number), number) for number in (len(sweep.trials), *counts)),
                Cell(in_words(settings, sweep.varied)),
                *(Cell(formats.decimal(chosen[name]), chosen[name]) for name in ("val_loss", "val_auroc")),
                Cell(formats.count(steps), steps),
                Cell(formats.duration(seconds), seconds),
            ]
        )
        data.append(
            {
                "arm": sweep.arm, "search": sweep.search, "select": sweep.select, "tried": len(sweep.trials),
                "complete": counts[0], "pruned": counts[1], "diverged": counts[2], "settings": json.dumps(settings),
                "val_loss": chosen["val_loss"], "val_auroc": chosen["val_auroc"], "steps": steps, "seconds": seconds,
            }
        )  # fmt: skip
    caption = "Settings that were tried before the arms were trained, and those that were selected."
    notes = ["Training time of an arm, in the first table, is without its sweep."]
    return Table("sweeps", caption, columns, rows, pl.DataFrame(data), notes)


def best_tables(sweep: SweepSummary) -> list[Table]:
    """The best trial of each value of the settings that were asked for; none where none were."""
    if not sweep.best_per or not sweep.best:
        return []
    names = list(sweep.best_per)
    others = [name for name in sweep.varied if name not in names]
    ordered = sorted(sweep.best, key=lambda row: [_order(row["settings"].get(name)) for name in names])
    columns = [*(Column(name) for name in names), Column("Best settings"), Column("State"),
               Column("Validation loss", numeric=True), Column("Validation AUROC", numeric=True)]  # fmt: skip
    rows, data = [], []
    for row in ordered:
        selected = row["trial"] == sweep.selected
        first, *rest = [str(row["settings"].get(name)) for name in names]
        cells = [Cell(f"{first} *" if selected else first, _order(row["settings"].get(names[0]))[1] or None)]
        cells += [Cell(each) for each in rest]
        mark: Literal["better", ""] = "better" if selected else ""
        cells += [Cell(in_words(row["settings"], others)), Cell(row["state"])]
        cells += [Cell(formats.decimal(row[name]), row[name], mark) for name in ("val_loss", "val_auroc")]
        rows.append(cells)
        data.append(
            {**{name: str(row["settings"].get(name)) for name in names}, "trial": row["trial"], "state": row["state"],
             "settings": json.dumps(dict(row["settings"])), "val_loss": row["val_loss"], "val_auroc": row["val_auroc"],
             "selected": selected}
        )  # fmt: skip
    caption = f"Best trial of {sweep.arm} for each {' and '.join(names)}, by {sweep.select} of validation images."
    notes = ["* Selected: trained with all seeds and scored on the test images."]
    if any(row["state"] == "pruned" for row in ordered):
        notes.append("Pruned: no trial of this value went to its end; the numbers are of the epochs that it had.")
    return [Table(file_stem("sweep_best", sweep.arm), caption, columns, rows, pl.DataFrame(data), notes)]


def importance_table(sweeps: Sequence[SweepSummary]) -> Table | None:
    """Which settings mattered; None where no sweep tells."""
    with_importance = [sweep for sweep in sweeps if sweep.importance]
    if not with_importance:
        return None
    names = list(dict.fromkeys(name for sweep in with_importance for name in sweep.importance))
    columns = [Column("Arm"), *(Column(name, numeric=True) for name in names)]
    rows = [
        [Cell(sweep.arm), *(Cell(_share(sweep.importance.get(name)), sweep.importance.get(name)) for name in names)]
        for sweep in with_importance
    ]
    data = pl.DataFrame(
        [{"arm": sweep.arm, **{name: sweep.importance.get(name) for name in names}} for sweep in with_importance],
        infer_schema_length=None,
    )
    notes = ["fANOVA (Hutter et al., ICML 2014) by Optuna: share of the variance between trials, from a random forest."]
    if any(sweep.count("pruned") for sweep in with_importance):
        notes.append("Pruned trials count with the value that they had when they were pruned.")
    return Table("sweep_importance", "How much each setting mattered.", columns, rows, data, notes)


def in_words(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    """Some settings of a trial."""
    return ", ".join(f"{name} {_value(settings[name])}" for name in names if name in settings) or "–"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, str(value)


def _selection_in_words(sweep: SweepSummary) -> str:
    chosen = "lowest loss" if sweep.select == "val_loss" else "highest macro AUROC"
    return (
        f"{sweep.arm}: {formats.plural(len(sweep.trials), 'setting')} tried with seed {sweep.seed} on "
        f"{formats.plural(sweep.train_images, 'training image')}. The {chosen} on "
        f"{formats.plural(sweep.val_images, 'validation image')} of {formats.plural(sweep.val_patients, 'patient')} "
        "selected; no test image was read, and no test label is known to this step."
    )
