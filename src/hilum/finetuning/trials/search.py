"""Hyper-parameter search of fine-tuning settings, with selection on validation images only."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl

from hilum.artifacts import fingerprint, whole_file, write_json
from hilum.data.labelled_images import LabelledImages
from hilum.data.store import Store
from hilum.errors import HilumError, TrainingFailedError
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.halving import Halving
from hilum.finetuning.trials.optuna_study import copy_into_storage, propose
from hilum.finetuning.trials.results import Criterion, TrialResults, rank_of
from hilum.finetuning.trials.space import Choices, Sample, Space, as_key, distinct, grid_of, size_of
from hilum.finetuning.trials.trials import TrialRounds, check_trials, lockstep_groups
from hilum.progress import ProgressReport, silent
from hilum.training.distributed import run_directory

SearchName = Literal["grid", "random", "tpe", "halving"]
Select = Literal["val_loss", "val_auroc"]
CRITERIA: Mapping[Select, Criterion] = {"val_loss": "validation_loss", "val_auroc": "auroc"}

SELECTED, TRIED, CURVES, STORAGE = "selected.json", "trials.parquet", "trial_curves.parquet", "optuna.db"
DEFAULT_TRIALS = 32
"""Default number of trials of a random search."""
AT_ONCE = 8
"""Default number of trials that TPE proposes together."""

ENCODER = "encoder"
"""Name of the architecture in a search space."""

_STATES = {"finished": "complete", "stopped_early": "complete", "pruned": "pruned", "diverged": "diverged"}


@dataclass(frozen=True)
class Search:
    """Search strategy.

    Args:
        kind: "grid": every sample. "random": uniformly drawn samples. "tpe": tree-structured Parzen estimator (Bergstra
            et al., NeurIPS 2011). "halving": "grid" or "random" with successive halving
            (`hilum.finetuning.trials.halving`).
        trials: Number of samples; "grid" uses all of them. None: all for "halving" on lists, otherwise 32.
        select: Selection criterion on validation images: lowest loss or highest macro AUROC.
        seed: Random seed of the samples.
        reduction: Reduction factor of successive halving.
        at_once: Number of samples TPE proposes together, from all earlier results; they share frozen computation, and
            their order of completion has no effect.
    """

    kind: SearchName = "grid"
    trials: int | None = None
    select: Select = "val_loss"
    seed: int = 0
    reduction: int = 3
    at_once: int = field(default=AT_ONCE, repr=False)

    @property
    def key(self) -> str:
        """Text that identifies the search."""
        return repr(self) + (f", at_once={self.at_once}" if self.at_once != AT_ONCE else "")

    @property
    def criterion(self) -> Criterion:
        """Criterion of `TrialResults.best`."""
        return CRITERIA[self.select]

    @property
    def halving(self) -> Halving | None:
        """Successive halving of the trials; None for other kinds."""
        return Halving(self.reduction, self.criterion) if self.kind == "halving" else None

    def batches(self, space: Space) -> list[int]:
        """Return the maximum number of samples of each batch of proposals: one batch, or several for TPE."""
        total = size_of(space)
        if self.kind == "grid" or (self.kind == "halving" and self.trials is None and total is not None):
            if total is None:
                raise HilumError("sweep.search", expected="lists of values", found="a range", fix="Use random or tpe.")
            return [total]
        count = min(self.trials or DEFAULT_TRIALS, total or self.trials or DEFAULT_TRIALS)
        if self.kind != "tpe":
            return [count]
        return [min(self.at_once, count - begun) for begun in range(0, count, self.at_once)]

    def samples(self, space: Space, batch: int, known: Sequence[tuple[Sample, float | None]]) -> list[Sample]:
        """Return the samples of one batch, a function of seed, space and earlier results."""
        count = self.batches(space)[batch]
        if size_of(space) == count:
            return list(grid_of(space))
        return propose(space, "tpe" if self.kind == "tpe" else "random", count, self.seed + batch, known)


def run_search(
    space: Space | Sequence[Sample],
    settings_of: Callable[[Sample], FinetuneSettings],
    how: Search,
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    *,
    init: Path | str | Callable[[str], Path | str],
    encoder_name: str,
    findings: Sequence[str],
    seed: int,
    directory: Path,
    best_per: Sequence[str] = (),
    patients_apart: bool = True,
    memory: int | None = None,
    storage: str | None = None,
    storage_name: str = "sweep",
    on_progress: ProgressReport = silent,
) -> Path:
    """Search a space of settings and select a trial on validation images.

    Files in `directory`: selected.json (`read_selected`); trials.parquet, a row for each trial: `trial, state`
    ("complete", "pruned" or "diverged"), `settings` (JSON), `val_loss, val_auroc, best_epoch, epochs, steps, seconds`,
    and `curve` (validation losses); trial_curves.parquet with all curves; and optuna.db, the same for Optuna's tools.
    The directory is complete or absent. A repeated call after an interruption resumes with bit-identical results.

    Args:
        space: Search space by setting; or a list of samples, which are all tried. The setting `encoder` is the
            architecture, instead of `encoder_name`; trials of one encoder train together.
        settings_of: Function from a sample to the settings of its trial.
        how: Search strategy.
        store, train, val, init, encoder_name, findings, seed, patients_apart, memory: As in
            `hilum.finetuning.trials.train_trials`; `init` may also be a function of the encoder's name.
        directory: Output directory.
        best_per: Settings for which the best trial of each value is reported.
        storage: SQLAlchemy URL of an Optuna storage for a copy of the trials; None: a file in the directory.
        storage_name: Name of the Optuna study.
        on_progress: Called while training.

    Raises:
        TrainingFailedError: All trials diverged.
        HilumErrors: All problems of any trial, before the first one starts.
    """
    return SearchRun(
        space, settings_of, how, store, train, val, init, encoder_name, tuple(findings), seed, tuple(best_per),
        patients_apart, memory, on_progress,
    ).complete(directory, storage=storage, storage_name=storage_name)  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Trials that train in lockstep: of one encoder, with equal settings of `lockstep.SHARED`.

    Attributes:
        encoder: Name of the encoder.
        trials: Indices among the trials of this encoder in a batch.
    """

    encoder: str
    trials: tuple[int, ...]


@dataclass(frozen=True)
class SearchRun:
    """A search and its inputs; attributes as in `run_search`, `given` is its space."""

    given: Space | Sequence[Sample]
    settings_of: Callable[[Sample], FinetuneSettings]
    how: Search
    store: Store
    train: LabelledImages
    val: LabelledImages
    init: Path | str | Callable[[str], Path | str]
    encoder_name: str
    findings: tuple[str, ...]
    seed: int
    best_per: tuple[str, ...] = ()
    patients_apart: bool = True
    memory: int | None = None
    on_progress: ProgressReport = silent

    def complete(self, directory: Path, *, storage: str | None = None, storage_name: str = "sweep") -> Path:
        """Train all remaining trials and select one, as `run_search`."""
        with run_directory(directory) as beside:
            rows, curves = self.batches(beside)
            _write(beside, rows, pl.concat(curves), self.how, self.best_per)
            url = storage or f"sqlite:///{beside / STORAGE}"
            copy_into_storage(url, storage_name, _space_of(self.space, rows), rows)
        return directory

    @property
    def space(self) -> Space:
        """Search space; empty where samples were given."""
        return self.given if isinstance(self.given, Mapping) else {}

    def begin(self, beside: Path) -> None:
        """Empty the working directory of another search."""
        samples = None if isinstance(self.given, Mapping) else list(self.given)
        parts = [repr(self.space), samples, self.how.key, self.seed, self.encoder_name, list(self.best_per)]
        _empty_after_another(beside, fingerprint(parts))

    def batches(self, beside: Path, before: int | None = None) -> tuple[list[dict[str, Any]], list[pl.DataFrame]]:
        """Train every remaining batch; return a row for each trial, and curves.

        Args:
            beside: Working directory.
            before: Stop before this batch; None for all.
        """
        self.begin(beside)
        rows: list[dict[str, Any]] = []
        curves: list[pl.DataFrame] = []
        for batch in range(batches_of(self.given, self.how))[:before]:
            samples = self.samples(beside, batch, rows)
            for encoder in encoders_in(samples, self.encoder_name):
                of, first = self.samples_of(encoder, samples), len(rows)
                results = self.trials(samples, encoder).complete(self.place(beside, batch, samples, encoder))
                rows += _rows(results, of, first, self.how)
                curves.append(results.curves.with_columns(pl.col("trial") + first))
        return rows, curves

    def samples(self, beside: Path, batch: int, rows: Sequence[Mapping[str, Any]]) -> list[Sample]:
        """Return the samples of a batch, drawn once from the rows of all earlier batches."""
        given = None if isinstance(self.given, Mapping) else list(self.given)
        return _samples_of(_part(beside, batch), given or partial(self.how.samples, self.space, batch, _known(rows)))

    def samples_of(self, encoder: str, samples: Sequence[Sample]) -> list[Sample]:
        """Return the samples of an encoder."""
        return [sample for sample in samples if sample.get(ENCODER, self.encoder_name) == encoder]

    def place(self, beside: Path, batch: int, samples: Sequence[Sample], encoder: str) -> Path:
        """Return the directory of the trials of an encoder."""
        alone = encoders_in(samples, self.encoder_name) == [self.encoder_name]
        return _part(beside, batch) / ("trials" if alone else f"trials-{encoder}")

    def trials(self, samples: Sequence[Sample], encoder: str) -> TrialRounds:
        """Return the trials of an encoder in a batch.

        Raises:
            HilumErrors: All problems of any trial.
        """
        settings = [self.settings_of(sample) for sample in self.samples_of(encoder, samples)]
        check_trials(self.store, self.train, self.val, settings, self.findings, encoder, self.seed, self.patients_apart)
        init = self.init(encoder) if callable(self.init) else self.init
        return TrialRounds(
            self.store, self.train, self.val, settings, init, encoder, self.findings, self.seed, self.memory,
            self.how.halving, self.on_progress,
        )  # fmt: skip


def batches_of(space: Space | Sequence[Sample], how: Search) -> int:
    """Return the number of batches of proposals."""
    return len(how.batches(space)) if isinstance(space, Mapping) else 1


def encoders_in(samples: Sequence[Sample], encoder_name: str) -> list[str]:
    """Return the architectures of samples; `encoder_name` where not set."""
    return list(dict.fromkeys(sample.get(ENCODER, encoder_name) for sample in samples))


def groups_of(
    samples: Sequence[Sample], settings_of: Callable[[Sample], FinetuneSettings], encoder_name: str
) -> list[Group]:
    """Return the groups of a batch, which separate processes may train."""
    groups = []
    for encoder in encoders_in(samples, encoder_name):
        settings = [settings_of(each) for each in samples if each.get(ENCODER, encoder_name) == encoder]
        groups += [Group(encoder, tuple(some)) for some in lockstep_groups(settings)]
    return groups


def _part(beside: Path, batch: int) -> Path:
    return beside / f"batch-{batch:03d}"


def read_selected(directory: Path) -> dict[str, Any]:
    """Read the selected trial.

    Returns:
        `settings` (the sample), `trial, select, search` (for "tpe" also `trials_at_once`), `val_loss, val_auroc, tried,
        complete, pruned, diverged, steps` (of all trials), `reads` ("validation"), and `best_per`, a list of
        `{settings, trial, state, val_loss, val_auroc}` for each value of the requested settings.
    """
    selected: dict[str, Any] = json.loads((directory / SELECTED).read_text(encoding="utf-8"))
    return selected


def _empty_after_another(directory: Path, key: str) -> None:
    """Empty the working directory of another sweep."""
    note = directory / "sweep.key"
    if not note.exists() or note.read_text(encoding="utf-8") != key:
        for entry in directory.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        with whole_file(note) as path:
            path.write_text(key, encoding="utf-8")


def _samples_of(part: Path, given: list[Sample] | Callable[[], list[Sample]]) -> list[Sample]:
    """Return the samples of a batch, drawn once."""
    path = part / "samples.json"
    if not path.exists():
        write_json(path, given() if callable(given) else given)
    samples: list[Sample] = json.loads(path.read_text(encoding="utf-8"))
    return samples


def _known(rows: Sequence[Mapping[str, Any]]) -> list[tuple[Sample, float | None]]:
    return [(row["sample"], row["value"] if row["state"] == "complete" else None) for row in rows]


def _rows(results: TrialResults, samples: Sequence[Sample], first: int, how: Search) -> list[dict[str, Any]]:
    rows = []
    for trial, sample in zip(results.trials, samples, strict=True):
        curve = results.curves.filter(pl.col("trial") == trial.trial)["val_loss"].drop_nulls().to_list()
        rows.append(
            {
                "trial": first + trial.trial,
                "state": _STATES[trial.status],
                "sample": sample,
                "value": rank_of(trial, how.criterion),
                "val_loss": trial.validation_loss,
                "val_auroc": trial.auroc,
                "best_epoch": trial.best_epoch,
                "epochs": trial.epochs,
                "steps": trial.steps,
                "seconds": trial.seconds,
                "curve": curve,
            }
        )
    return rows


def _write(
    directory: Path, rows: Sequence[dict[str, Any]], curves: pl.DataFrame, how: Search, best_per: Sequence[str]
) -> None:
    complete = [row for row in rows if row["state"] == "complete"]
    if not complete:
        raise TrainingFailedError(
            "diverged",
            f"all trials of the sweep ({len(rows)})",
            expected="one that did not diverge",
            found="losses that are not finite",
            fix="Sweep over lower `lr`, or use precision fp32.",
        )
    best = min(complete, key=lambda row: (row["value"], row["trial"]))
    names = ("trial", "state", "val_loss", "val_auroc", "best_epoch", "epochs", "steps", "seconds", "curve")
    schema: dict[str, Any] = {
        "trial": pl.Int64, "state": pl.String, "val_loss": pl.Float64, "val_auroc": pl.Float64, "best_epoch": pl.Int64,
        "epochs": pl.Int64, "steps": pl.Int64, "seconds": pl.Float64, "curve": pl.List(pl.Float64),
    }  # fmt: skip
    table = pl.DataFrame([{name: row[name] for name in names} for row in rows], schema=schema)
    settings = pl.Series("settings", [json.dumps(row["sample"]) for row in rows], dtype=pl.String)
    with whole_file(directory / TRIED) as path:
        table.insert_column(2, settings).write_parquet(path)
    with whole_file(directory / CURVES) as path:
        curves.write_parquet(path)
    states = [row["state"] for row in rows]
    selected = {
        "settings": best["sample"],
        "trial": best["trial"],
        "select": how.select,
        "search": how.kind,
        **({"trials_at_once": how.at_once} if how.kind == "tpe" else {}),
        "reads": "validation",
        "val_loss": best["val_loss"],
        "val_auroc": best["val_auroc"],
        "tried": len(rows),
        **{state: states.count(state) for state in ("complete", "pruned", "diverged")},
        "steps": sum(row["steps"] for row in rows),
        "best_per": _best_per(rows, best_per),
    }
    write_json(directory / SELECTED, selected)


def _best_per(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the best trial of each value; the best pruned one where all were pruned, marked by its state."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["state"] != "diverged" and row["val_loss"] is not None:
            groups.setdefault(as_key({name: row["sample"].get(name) for name in names}), []).append(row)
    found = []
    for some in groups.values() if names else ():
        best = min(some, key=lambda row: (row["state"] != "complete", row["value"], row["trial"]))
        found.append({key: best[key] for key in ("trial", "state", "val_loss", "val_auroc")})
        found[-1]["settings"] = best["sample"]
    return found


def _space_of(space: Space, rows: Sequence[Mapping[str, Any]]) -> Space:
    """Return the search space; for given samples the values of each setting."""
    if space:
        return space
    tried: list[Sample] = [row["sample"] for row in rows]
    return {
        name: Choices(tuple(sample[name] for sample in distinct([{name: each[name]} for each in tried])))
        for name in tried[0]
    }
