"""Tables and figures of hyper-parameter searches: number of trials, selected settings, importance."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import polars as pl

from hilum.report.figures.parallel_coordinates import parallel_coordinates
from hilum.report.render import Block, Cell, Column, FigureGroup, Prose, Table, file_stem, formats
from hilum.report.sweep_summary import SweepSummary
from hilum.wording import counted


def sweep_blocks(sweeps: Sequence[SweepSummary]) -> list[Block]:
    """Make the tables and figures of all sweeps; none without sweeps."""
    if not sweeps:
        return []
    blocks: list[Block] = [Prose([_selection_text(sweep) for sweep in sweeps], True), tried_table(sweeps)]
    blocks += [table for sweep in sweeps for table in best_tables(sweep)]
    if (importance := importance_table(sweeps)) is not None:
        blocks.append(importance)
    figures = [parallel_coordinates(sweep) for sweep in sweeps if sweep.varied]
    if figures:
        caption = (
            "Parallel coordinates: one line per trial, through its settings to its result on validation images. "
            "Thick: selected trial; pale: pruned trials. Settings are in the order of their values, not to scale."
        )
        blocks.append(FigureGroup(caption, figures))
    return blocks


def tried_table(sweeps: Sequence[SweepSummary]) -> Table:
    """Tabulate the number of trials and the selected settings of each arm."""
    columns = [
        Column("Arm"), Column("Search"), Column("Trials", numeric=True), Column("Complete", numeric=True),
        Column("Pruned", numeric=True), Column("Diverged", numeric=True), Column("Selected"),
        Column("Validation loss", numeric=True), Column("Validation AUROC", numeric=True),
        Column("Total steps", numeric=True), Column("Total time", numeric=True),
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
                Cell(settings_text(settings, sweep.varied)),
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
    caption = "Trials of each arm and the selected settings."
    notes = ["The training time in the table of arms excludes the sweep."]
    return Table("sweeps", caption, columns, rows, pl.DataFrame(data), notes)


def best_tables(sweep: SweepSummary) -> list[Table]:
    """Tabulate the best trial of each value of the settings in `best_per`; none without such settings."""
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
        cells += [Cell(settings_text(row["settings"], others)), Cell(row["state"])]
        cells += [Cell(formats.decimal(row[name]), row[name], mark) for name in ("val_loss", "val_auroc")]
        rows.append(cells)
        data.append(
            {**{name: str(row["settings"].get(name)) for name in names}, "trial": row["trial"], "state": row["state"],
             "settings": json.dumps(dict(row["settings"])), "val_loss": row["val_loss"], "val_auroc": row["val_auroc"],
             "selected": selected}
        )  # fmt: skip
    caption = f"Best trial of {sweep.arm} for each {' and '.join(names)}, by {sweep.select} on validation images."
    notes = ["* Selected: trained with all seeds and scored on the test images."]
    if any(row["state"] == "pruned" for row in ordered):
        notes.append("Pruned: no trial with this value was completed; results are of the completed epochs.")
    return [Table(file_stem("sweep_best", sweep.arm), caption, columns, rows, pl.DataFrame(data), notes)]


def importance_table(sweeps: Sequence[SweepSummary]) -> Table | None:
    """Tabulate the importance of the settings; None where unknown."""
    with_importance = [sweep for sweep in sweeps if sweep.importance]
    if not with_importance:
        return None
    names = list(dict.fromkeys(name for sweep in with_importance for name in sweep.importance))
    columns = [Column("Arm"), *(Column(name, numeric=True) for name in names)]
    rows = [
        [Cell(sweep.arm), *(Cell(_percent(sweep.importance.get(name)), sweep.importance.get(name)) for name in names)]
        for sweep in with_importance
    ]
    data = pl.DataFrame(
        [{"arm": sweep.arm, **{name: sweep.importance.get(name) for name in names}} for sweep in with_importance],
        infer_schema_length=None,
    )
    notes = [
        "fANOVA (Hutter et al., ICML 2014) by Optuna: fraction of the variance between trials, from a random forest."
    ]
    if any(sweep.count("pruned") for sweep in with_importance):
        notes.append("Pruned trials are included with their last value.")
    return Table("sweep_importance", "Importance of the settings.", columns, rows, data, notes)


def settings_text(settings: Mapping[str, Any], names: Sequence[str]) -> str:
    """Format some settings of a trial."""
    return ", ".join(f"{name} {_value(settings[name])}" for name in names if name in settings) or "–"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, str(value)


def _selection_text(sweep: SweepSummary) -> str:
    chosen = "lowest loss" if sweep.select == "val_loss" else "highest macro AUROC"
    return (
        f"{sweep.arm}: {counted(len(sweep.trials), 'trial')} with seed {sweep.seed} on "
        f"{counted(sweep.train_images, 'training image')}. Selected by the {chosen} on "
        f"{counted(sweep.val_images, 'validation image')} of {counted(sweep.val_patients, 'patient')}; "
        "no test image or label was used."
    )
