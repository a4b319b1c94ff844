"""Many trials of fine-tuning, on the same images: trained together, and the best of them chosen by validation
images.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_file, write_json
from hilum.data.labelled_images import UNCERTAIN_CLASS, LabelledImages
from hilum.data.store import Store
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.probe import mean_auroc
from hilum.errors import HilumError, HilumErrors
from hilum.finetuning.data_loader import Feed
from hilum.finetuning.finetune import check_inputs, decisive, digest_of, finetune, start_encoder
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.lane_memory import chunks_that_fit, memory_at_hand
from hilum.finetuning.trials.lanes import Lane, TrialStatus
from hilum.finetuning.trials.lockstep import SHARED, train_in_lockstep
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import run_directory, world_size
from hilum.training.distributed.device import choose_device
from hilum.training.precision import choose_precision

CURVES, SCORES, TRIALS = "curves.parquet", "validation_scores.npy", "trials.json"
LOSS = (
    "answer", "class_weights", "max_class_weight", "focal", "label_smoothing", "reduction", "resample"
)  # fmt: skip
"""Settings that decide what a loss measures."""
Criterion = Literal["validation_loss", "auroc"]


@dataclass(frozen=True)
class TrialResult:
    """What one trial came to.

    Attributes:
        trial: its place among the trials, from 0.
        settings: that it was trained with.
        status: how it ended.
        epochs: that it finished.
        best_epoch: whose weights are kept, of the lowest validation loss or as `keep` says, from 1; 0 where it was
            never validated.
        validation_loss: of these weights; None where it was never validated.
        auroc: macro AUROC of the validation images with these weights, over findings with positives and negatives; None
            where it finished no epoch.
        ended_at: (epoch, step) of a loss that was not finite, counted from 1; step 0 for the validation behind an
            epoch. None where there was none.
    """

    trial: int
    settings: FinetuneSettings
    status: TrialStatus
    epochs: int
    best_epoch: int
    validation_loss: float | None
    auroc: float | None
    ended_at: tuple[int, int] | None


@dataclass(frozen=True)
class TrialResults:
    """What all trials came to.

    Attributes:
        trials: in the order in which they were given.
        curves: a row for each epoch of each trial: trial, epoch (from 1), step, train_loss, val_loss, lr.
        directory: holds trials.json, curves.parquet, and validation_scores.npy: probabilities (trials, N, findings) of
            the validation images with the weights of each trial's lowest validation loss.
    """

    trials: list[TrialResult]
    curves: pl.DataFrame
    directory: Path

    def scores(self) -> NDArray[np.float32]:
        """Probabilities of the validation images, (trials, N, findings); NaN for a trial that finished no epoch."""
        scores: NDArray[np.float32] = np.load(self.directory / SCORES, mmap_mode="r")
        return scores

    def best(self, by: Criterion = "validation_loss") -> TrialResult:
        """The trial with the lowest validation loss, or the highest AUROC; of equal ones, the first.

        A trial that diverged is never chosen: trained alone it leaves no model.

        Args:
            by: losses can be compared where all trials have the same loss: one `answer`, the same weights.

        Raises:
            HilumError: all trials diverged; or losses are of different kinds.
        """
        ended = [trial for trial in self.trials if trial.status != "diverged"]
        if not ended:
            raise HilumError(
                "trials",
                expected="one that did not diverge",
                found=f"{len(self.trials)} that did",
                fix="Lower `lr`, or use precision fp32.",
            )
        kinds = {_kind_of_loss(trial.settings) for trial in ended}
        if by == "validation_loss" and len(kinds) > 1:
            raise HilumError(
                "trials",
                expected="losses of one kind",
                found=f"{len(kinds)} kinds: {', '.join(f'`{name}`' for name in LOSS)} differ",
                fix="Choose by auroc.",
            )
        if by == "auroc":
            return max(ended, key=lambda trial: trial.auroc or 0.0)
        return min(ended, key=lambda trial: math.inf if trial.validation_loss is None else trial.validation_loss)


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
    on_progress: ProgressReport = silent,
) -> TrialResults:
    """Train every trial as `finetune` would train it alone, sharing all that is the same for several.

    Trials with the same images, batches and views train in lockstep (`hilum.finetuning.trials.lockstep.SHARED` names
    what they have in common). Heads on a frozen encoder are one batched computation; where blocks are unfrozen, views
    and the pass through the frozen blocks are shared. No test image is known here.

    `directory` is complete or absent; a killed call that is made again goes on where it was and ends with the same
    bits.

    Args:
        store: pixels of all images named here.
        train, val: as in `finetune`.
        trials: settings of each.
        init, encoder_name, findings, seed, patients_apart: as in `finetune`.
        directory: to make.
        memory: bytes that may be used; None: half of what is free. Trials that do not fit train in several rounds, in
            the order given.
        on_progress: called while training.

    Raises:
        HilumErrors: what is wrong with the inputs and with any trial, all at once.
        HilumError: one trial alone needs more memory, or several processes were started.
    """
    _check(store, train, val, trials, findings, encoder_name, seed, patients_apart)
    _, origin = start_encoder(init, encoder_name, seed)
    rooms = [_room(settings, store, seed) for settings in trials]
    with run_directory(directory) as beside:
        resume_only_same_run(
            beside,
            ["trials", [decisive(settings) for settings in trials], [room.device.type for room in rooms],
             [room.precision for room in rooms], seed, encoder_name, origin.sha256 if origin else "random",
             store.recipe.as_data(), list(findings), digest_of(train), digest_of(val)],
        )  # fmt: skip
        results: dict[int, dict[str, Any]] = {}
        curves, scores = [], np.full((len(trials), *val.targets.shape), np.nan, dtype=np.float32)
        for number, chunk in enumerate(_plan(beside, trials, encoder_name, train, val, rooms, memory)):
            done = beside / f"round-{number:03d}"
            if not (done / TRIALS).exists():
                start, _ = start_encoder(init, encoder_name, seed)
                lanes, found = train_in_lockstep(
                    start, [(trial, trials[trial]) for trial in chunk], train, val,
                    feed=rooms[chunk[0]], directory=done, on_progress=on_progress,
                )  # fmt: skip
                _write_round(done, lanes, found, val)
                delete_checkpoints(done)
            told = json.loads((done / TRIALS).read_text(encoding="utf-8"))
            results |= {row["trial"]: row for row in told}
            curves.append(pl.read_parquet(done / CURVES))
            scores[chunk] = np.load(done / SCORES)
        _write_all(beside, [results[trial] for trial in range(len(trials))], pl.concat(curves), scores)
        delete_checkpoints(beside)
    return read_trials(directory, trials)


def read_trials(directory: Path, trials: Sequence[FinetuneSettings]) -> TrialResults:
    """What `train_trials` left in a directory, for the settings that it was given."""
    rows = json.loads((directory / TRIALS).read_text(encoding="utf-8"))
    results = [
        TrialResult(**{**row, "ended_at": row["ended_at"] and tuple(row["ended_at"])}, settings=settings)
        for row, settings in zip(rows, trials, strict=True)
    ]
    return TrialResults(results, pl.read_parquet(directory / CURVES), directory)


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
    """`finetune` with the settings of the best trial, with any seed, and score images.

    Args:
        results: of `train_trials`.
        by: see `TrialResults.best`.
        store, train, val, predict_ids, init, encoder_name, findings, seed, directory, patients_apart: as in `finetune`.
        on_progress: as in `finetune`.
    """
    return finetune(
        init, encoder_name, store, train, val, predict_ids, findings,
        settings=results.best(by).settings, seed=seed, directory=directory, patients_apart=patients_apart,
        on_progress=on_progress,
    )  # fmt: skip


def _room(settings: FinetuneSettings, store: Store, seed: int) -> Feed:
    device = choose_device(settings.device)
    return Feed(
        store,
        size=settings.size or store.recipe.size,
        batch_size=settings.batch_size,
        seed=seed,
        workers=settings.workers,
        device=device,
        precision=choose_precision(settings.precision, device),
    )


def _plan(
    directory: Path,
    trials: Sequence[FinetuneSettings],
    encoder_name: str,
    train: LabelledImages,
    val: LabelledImages,
    rooms: Sequence[Feed],
    memory: int | None,
) -> list[list[int]]:
    """Which trials train together; written down, since memory may be another when a killed call is made again."""
    path = directory / "rounds.json"
    if path.exists():
        rounds: list[list[int]] = json.loads(path.read_text(encoding="utf-8"))
        return rounds
    alike: dict[tuple[Any, ...], list[int]] = {}
    for number, settings in enumerate(trials):
        alike.setdefault(tuple(getattr(settings, name) for name in SHARED), []).append(number)
    rounds = []
    for some in alike.values():
        room = rooms[some[0]]
        rounds += chunks_that_fit(
            [(number, trials[number]) for number in some],
            encoder_name,
            findings=train.targets.shape[1],
            size=room.size,
            images=(len(train.image_ids), len(val.image_ids)),
            memory=memory or memory_at_hand(room.device),
        )
    write_json(path, rounds)
    return rounds


def _write_round(directory: Path, lanes: Sequence[Lane], scores: NDArray[np.float32], val: LabelledImages) -> None:
    targets = np.where(val.targets == UNCERTAIN_CLASS, np.float32(np.nan), val.targets)
    rows = [
        {
            "trial": lane.trial,
            "status": lane.status,
            "epochs": lane.course.epoch,
            "best_epoch": lane.course.best_epoch,
            "validation_loss": _loss_kept(lane) if lane.best is not None else None,
            "auroc": mean_auroc(found, targets) if lane.best is not None else None,
            "ended_at": lane.ended_at,
        }
        for lane, found in zip(lanes, scores, strict=True)
    ]
    schema = {"trial": pl.Int64, "epoch": pl.Int64, "step": pl.Int64} | dict.fromkeys(
        ("train_loss", "val_loss", "lr"), pl.Float64
    )
    curves = pl.DataFrame(
        [{"trial": lane.trial, **row} for lane in lanes for row in lane.course.curves], schema=schema, orient="row"
    )
    _write_all(directory, rows, curves, scores)


def _loss_kept(lane: Lane) -> float:
    """Validation loss of the epoch whose weights are kept."""
    return float(next(row["val_loss"] for row in lane.course.curves if row["epoch"] == lane.course.best_epoch) or 0.0)


def _write_all(
    directory: Path, rows: Sequence[dict[str, Any]], curves: pl.DataFrame, scores: NDArray[np.float32]
) -> None:
    with whole_file(directory / SCORES) as path, path.open("wb") as stream:
        np.save(stream, scores)
    with whole_file(directory / CURVES) as path:
        curves.sort("trial", "epoch").write_parquet(path)
    write_json(directory / TRIALS, list(rows))  # the last one: where it is, the others are


def _kind_of_loss(settings: FinetuneSettings) -> tuple[Any, ...]:
    return tuple(getattr(settings, name) for name in LOSS)


def _check(
    store: Store,
    train: LabelledImages,
    val: LabelledImages,
    trials: Sequence[FinetuneSettings],
    findings: Sequence[str],
    encoder_name: str,
    seed: int,
    patients_apart: bool,
) -> None:
    if world_size() > 1:
        raise HilumError(
            "processes", expected="one", found=str(world_size()), fix="Train trials in one process, or in a call each."
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
        raise HilumErrors("trials", problems, fix="mend these, then train")


def refuse_in_lockstep(settings: FinetuneSettings) -> None:
    """Refuse what trials in lockstep do not know; such a trial trains alone, by `finetune`.

    Raises:
        HilumError: says which setting.
    """
    for key, found in (("ema", settings.ema), ("keep", settings.keep if settings.keep == "best_auroc" else None)):
        if found is not None:
            raise HilumError(
                f"finetune.{key}",
                expected="none of it in lockstep" if key == "ema" else "lowest or last in lockstep",
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
