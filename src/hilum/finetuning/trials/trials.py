"""Training of many fine-tuning trials on the same images, and selection of the best on validation images."""

import json
from collections.abc import Callable, Container, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import fingerprint, whole_file, write_json, write_text
from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.data.store import Store
from hilum.data.tables import read_result_table
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.probe import mean_auroc
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.finetune import check_inputs, digest_of, finetune, fingerprint_fields, start_encoder
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.halving import Halving
from hilum.finetuning.trials.lockstep import SHARED, train_in_lockstep
from hilum.finetuning.trials.lockstep_memory import available_memory, chunks_that_fit
from hilum.finetuning.trials.members import LockstepTrial
from hilum.finetuning.trials.results import SCORES, Criterion, TrialResult, TrialResults
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import run_directory, world_size

CURVES, TRIALS, INPUTS = "curves.parquet", "trials.json", "inputs.sha256"


def train_trials(
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    trials: Sequence[FinetuneSettings],
    *,
    init: Path | str,
    encoder_name: str,
    findings: Sequence[str],
    seed: int,
    directory: Path,
    patients_apart: bool = True,
    memory: int | None = None,
    halving: Halving | None = None,
    on_progress: ProgressReport = silent,
) -> TrialResults:
    """Train every trial as `finetune` would alone, with shared computation.

    Trials with equal settings of `hilum.finetuning.trials.lockstep.SHARED` train in lockstep. Heads on a frozen encoder
    are one batched computation; with unfrozen blocks, augmentation and the pass through frozen blocks are shared. No
    test images are used.

    `directory` is complete or absent; a repeated call after an interruption resumes with bit-identical results.

    Args:
        store: Pixels of all images.
        train, val: As in `finetune`.
        trials: Settings of each trial.
        init, encoder_name, findings, seed, patients_apart: As in `finetune`.
        directory: Output directory.
        memory: Memory to use in bytes; None: half of the free memory. Trials that do not fit train in several rounds,
            in the given order.
        halving: Successive halving; None to train all trials to their ends.
        on_progress: Called while training.

    Raises:
        HilumErrors: All problems of the inputs and of any trial.
        HilumError: A single trial needs more memory, or several processes were started.
    """
    check_trials(store, train, val, trials, findings, encoder_name, seed, patients_apart)
    return TrialRounds(
        store, train, val, trials, init, encoder_name, tuple(findings), seed, memory, halving, on_progress
    ).complete(directory)


@dataclass(frozen=True)
class TrialRounds:
    """Rounds of trials; attributes as in `train_trials`.

    The result of a round is a function of its trials alone, so other processes may train rounds of other groups
    (`lockstep_groups`) at the same time; completed rounds are in the directory.
    """

    store: Store
    train_images: LabelledImages
    val_images: LabelledImages
    trials: Sequence[FinetuneSettings]
    init: Path | str
    encoder_name: str
    findings: tuple[str, ...]
    seed: int
    memory: int | None = None
    halving: Halving | None = None
    on_progress: ProgressReport = silent

    @cached_property
    def loaders(self) -> list[BatchLoader]:
        """BatchLoader of each trial."""
        return [BatchLoader.of(self.store, settings, self.seed) for settings in self.trials]

    @property
    def shares(self) -> tuple[float | None, ...]:
        """Fractions of all epochs after which trials pause; None without halving."""
        if self.halving is None:
            return (None,)
        epochs = max(map(_epochs_in(self.train_images), self.trials))
        return self.halving.shares(len(self.trials), epochs)

    @cached_property
    def inputs(self) -> str:
        """Fingerprint of all inputs of the results."""
        _, origin = start_encoder(self.init, self.encoder_name, self.seed)
        return fingerprint(
            ["trials", [fingerprint_fields(settings) for settings in self.trials],
             [loader.device.type for loader in self.loaders], [loader.precision for loader in self.loaders], self.seed,
             self.encoder_name, origin.sha256 if origin else "random", self.store.recipe.as_data(),
             list(self.findings), digest_of(self.train_images), digest_of(self.val_images),
             *([] if self.halving is None else [asdict(self.halving)])]
        )  # fmt: skip

    def complete(self, directory: Path) -> TrialResults:
        """Train all remaining rounds and combine the results, as `train_trials`."""
        if not self.is_complete(directory):
            with run_directory(directory) as beside:
                results, curves, scores = self.train(beside, self.begin(beside))
                numbers = range(len(self.trials))
                _write_all(
                    beside, [_as_row(results[n]) for n in numbers], pl.concat([curves[n] for n in numbers]), scores
                )
                delete_checkpoints(beside)
                write_text(beside / INPUTS, self.inputs)
        return read_trials(directory, self.trials)

    def is_complete(self, directory: Path) -> bool:
        """Return True where a directory contains the results of these trials."""
        note = directory / INPUTS
        return note.is_file() and note.read_text(encoding="utf-8") == self.inputs

    def begin(self, beside: Path, *, shared: bool = False) -> list[list[int]]:
        """Empty the working directory of other trials, and return the trials of each round.

        Args:
            beside: Working directory.
            shared: Keep files of other processes, which may train other rounds.
        """
        resume_only_same_run(beside, self.inputs, shared=shared)
        return _plan(
            beside, self.trials, self.encoder_name, self.train_images, self.val_images, self.loaders, self.memory
        )

    def train(
        self, beside: Path, rounds: Sequence[Sequence[int]], *, rung: int | None = None, some: Container[int] = ()
    ) -> tuple[dict[int, TrialResult], dict[int, pl.DataFrame], NDArray[np.float32]]:
        """Train all remaining rounds; return results and curves by trial, and scores as in `TrialResults`.

        Args:
            beside: Working directory.
            rounds: Numbers of the trials of each round.
            rung: Train only up to this pause of halving, from 0, and in it only `some`; None for all, to the end.
            some: Trials of a group, with `rung`. All rounds of earlier pauses must be complete.
        """
        results: dict[int, TrialResult] = {}
        curves: dict[int, pl.DataFrame] = {}
        scores = np.full((len(self.trials), *self.val_images.targets.shape), np.nan, dtype=np.float32)
        survivors = set(range(len(self.trials)))
        shares = self.shares if rung is None else self.shares[: rung + 1]
        for number_of_rung, share in enumerate(shares):
            for number, chunk in enumerate(rounds):
                here = [trial for trial in chunk if trial in survivors]
                if not here or (number_of_rung == rung and chunk[0] not in some):
                    continue
                done = self._round(beside / f"round-{number:03d}", chunk, here, number_of_rung, share)
                results |= {each.trial: each for each in _read_results(done, self.trials)}
                known = read_result_table(done / CURVES)
                curves |= {trial: known.filter(pl.col("trial") == trial) for trial in here}
                scores[here] = np.load(done / SCORES)
            if number_of_rung == rung:
                for number, chunk in enumerate(rounds):
                    if chunk[0] in some and rung + 1 == len(self.shares):
                        delete_checkpoints(beside / f"round-{number:03d}")
                break
            if self.halving is not None:
                better = self.halving.survivors(list(results.values()), len(self.trials), number_of_rung)
                survivors = {trial for trial in better if results[trial].status == "running"}
                ended = {n: each for n, each in results.items() if each.status == "running" and n not in survivors}
                results |= {n: replace(each, status="pruned") for n, each in ended.items()}
            for number, chunk in enumerate(rounds):
                if rung is None and (not survivors & set(chunk) or number_of_rung + 1 == len(shares)):
                    delete_checkpoints(beside / f"round-{number:03d}")
        return results, curves, scores

    def _round(self, working: Path, chunk: Sequence[int], here: Sequence[int], rung: int, share: float | None) -> Path:
        """Train a round up to a pause or its end, unless complete; return the directory of its results."""
        done = working if self.halving is None else working / f"rung-{rung}"
        if not (done / TRIALS).exists():
            start, _ = start_encoder(self.init, self.encoder_name, self.seed)
            until = None if share is None else _pause(share, [self.trials[n] for n in chunk], self.train_images)
            members, found = train_in_lockstep(
                start, [(trial, self.trials[trial]) for trial in here], self.train_images, self.val_images,
                loader=self.loaders[here[0]], directory=working, until=until, on_progress=self.on_progress,
            )  # fmt: skip
            _write_round(done, members, found, self.val_images)
        return done


def read_trials(directory: Path, trials: Sequence[FinetuneSettings]) -> TrialResults:
    """Read the results of `train_trials` with these settings."""
    return TrialResults(_read_results(directory, trials), read_result_table(directory / CURVES), directory)


def _read_results(directory: Path, trials: Sequence[FinetuneSettings]) -> list[TrialResult]:
    rows = json.loads((directory / TRIALS).read_text(encoding="utf-8"))
    return [
        TrialResult(**{**row, "ended_at": row["ended_at"] and tuple(row["ended_at"])}, settings=trials[row["trial"]])
        for row in rows
    ]


def _as_row(result: TrialResult) -> dict[str, Any]:
    return {each.name: getattr(result, each.name) for each in fields(result) if each.name != "settings"}


def _epochs_in(train: LabelledImages) -> Callable[[FinetuneSettings], int]:
    return lambda settings: settings.epochs_of(len(train.image_ids))


def _pause(share: float, trials: Sequence[FinetuneSettings], train: LabelledImages) -> int | None:
    """Return the epoch after which trials of one round pause; None for the end."""
    if share >= 1:
        return None
    return max(1, round(share * max(map(_epochs_in(train), trials))))


def refit(
    results: TrialResults,
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    predict_ids: Sequence[str],
    *,
    init: Path | str,
    encoder_name: str,
    findings: Sequence[str],
    seed: int,
    directory: Path,
    by: Criterion = "validation_loss",
    patients_apart: bool = True,
    on_progress: ProgressReport = silent,
) -> Path:
    """Fine-tune with the settings of the best trial, and score images.

    Args:
        results: Results of `train_trials`.
        by: See `TrialResults.best`; all other arguments as in `finetune`.
    """
    return finetune(
        init, encoder_name, store, train, val, predict_ids, findings,
        settings=results.best(by).settings, seed=seed, directory=directory, patients_apart=patients_apart,
        on_progress=on_progress,
    )  # fmt: skip


def _plan(
    directory: Path,
    trials: Sequence[FinetuneSettings],
    encoder_name: str,
    train: LabelledImages,
    val: LabelledImages,
    rooms: Sequence[BatchLoader],
    memory: int | None,
) -> list[list[int]]:
    """Plan the rounds; they are stored, since the free memory may differ when a call resumes."""
    path = directory / "rounds.json"
    if path.exists():
        rounds: list[list[int]] = json.loads(path.read_text(encoding="utf-8"))
        return rounds
    rounds = []
    for some in lockstep_groups(trials):
        room = rooms[some[0]]
        rounds += chunks_that_fit(
            [(number, trials[number]) for number in some],
            encoder_name,
            findings=train.targets.shape[1],
            size=room.size,
            images=(len(train.image_ids), len(val.image_ids)),
            memory=memory or available_memory(room.device),
        )
    write_json(path, rounds)
    return rounds


def lockstep_groups(trials: Sequence[FinetuneSettings]) -> list[list[int]]:
    """Group the numbers of trials that can train in lockstep, in the order of their first trials."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for number, settings in enumerate(trials):
        alike.setdefault(tuple(getattr(settings, name) for name in SHARED), []).append(number)
    return list(alike.values())


def _write_round(
    directory: Path, members: Sequence[LockstepTrial], scores: NDArray[np.float32], val: LabelledImages
) -> None:
    targets = np.where(val.targets == UNCERTAIN_CLASS, np.float32(np.nan), val.targets)
    rows = [
        {
            "trial": member.trial,
            "status": member.status,
            "epochs": member.train_state.epoch,
            "best_epoch": member.train_state.best_epoch,
            "validation_loss": _loss_at_best(member) if member.best is not None else member.loss_at_pause,
            "auroc": mean_auroc(found, targets) if not np.isnan(found).all() else None,
            "ended_at": member.ended_at,
            "steps": member.steps,
            "seconds": round(member.seconds, 3),
        }
        for member, found in zip(members, scores, strict=True)
    ]
    schema = {"trial": pl.Int64, "epoch": pl.Int64, "step": pl.Int64} | dict.fromkeys(
        ("train_loss", "val_loss", "lr"), pl.Float64
    )
    curves = pl.DataFrame(
        [{"trial": member.trial, **row} for member in members for row in member.train_state.curves],
        schema=schema,
        orient="row",
    )
    _write_all(directory, rows, curves, scores)


def _loss_at_best(member: LockstepTrial) -> float:
    """Return the validation loss of the selected epoch."""
    return float(
        next(row["val_loss"] for row in member.train_state.curves if row["epoch"] == member.train_state.best_epoch)
        or 0.0
    )


def _write_all(
    directory: Path, rows: Sequence[dict[str, Any]], curves: pl.DataFrame, scores: NDArray[np.float32]
) -> None:
    with whole_file(directory / SCORES) as path, path.open("wb") as stream:
        np.save(stream, scores)
    with whole_file(directory / CURVES) as path:
        curves.sort("trial", "epoch").write_parquet(path)
    write_json(directory / TRIALS, list(rows))  # last: it marks the others as complete


def check_trials(
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    trials: Sequence[FinetuneSettings],
    findings: Sequence[str],
    encoder_name: str,
    seed: int,
    patients_apart: bool,
) -> None:
    """Refuse inputs that `train_trials` cannot train.

    Raises:
        HilumErrors: All problems of the inputs and of any trial.
        HilumError: Several processes were started, or there is no trial.
    """
    if world_size() > 1:
        raise HilumError(
            "processes",
            expected="one",
            found=str(world_size()),
            fix="Train trials in one process, or in separate calls.",
        )
    if not trials:
        raise HilumError("trials", expected="at least one", found="none", fix="Give the settings of each.")
    store.rows([*train.image_ids, *val.image_ids])
    problems: list[str] = []
    for number, settings in enumerate(trials):
        for look in (
            lambda settings=settings: check_inputs(train, val, val.image_ids, findings, settings, patients_apart),
            lambda settings=settings: settings.training(seed, len(train.image_ids)),
            lambda settings=settings: _check_blocks(settings, encoder_name),
            lambda settings=settings: refuse_in_lockstep(settings),
        ):
            try:
                look()
            except HilumError as error:
                problems.append(f"trial {number}: {error}")
    if np.isnan(val.targets).all():
        problems.append("validation images: expected some known labels; found none. Validate on images with labels.")
    if problems:
        raise HilumErrors("trials", problems, fix="fix these, then train")


def refuse_in_lockstep(settings: FinetuneSettings) -> None:
    """Refuse settings that are not implemented in lockstep; such a trial is trained by `finetune`.

    Raises:
        HilumError: With the setting.
    """
    for key, found in (("ema", settings.ema), ("keep", settings.keep if settings.keep == "best_auroc" else None)):
        if found is not None:
            raise HilumError(
                f"finetune.{key}",
                expected="none in lockstep" if key == "ema" else "lowest or last in lockstep",
                found=str(found),
                fix="Train this trial alone, with `finetune`.",
            )


def _check_blocks(settings: FinetuneSettings, encoder_name: str) -> None:
    blocks = ARCHITECTURES[encoder_name].blocks if encoder_name in ARCHITECTURES else 0
    if blocks and settings.unfreeze != "all" and not 0 <= settings.unfreeze <= blocks:
        raise HilumError(
            "unfreeze",
            expected=f"0 to {blocks}, or all",
            found=f"{settings.unfreeze} blocks, but {encoder_name} has {blocks}",
            fix="Unfreeze fewer.",
        )
