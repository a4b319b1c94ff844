"""Many trials of fine-tuning, on the same images: trained together, and the best of them chosen by validation
images.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

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
from hilum.finetuning.trials.halving import Halving
from hilum.finetuning.trials.lane_memory import chunks_that_fit, memory_at_hand
from hilum.finetuning.trials.lanes import Lane
from hilum.finetuning.trials.lockstep import SHARED, train_in_lockstep
from hilum.finetuning.trials.results import SCORES, Criterion, TrialResult, TrialResults
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import delete_checkpoints, resume_only_same_run
from hilum.training.distributed import run_directory, world_size

CURVES, TRIALS = "curves.parquet", "trials.json"


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
        halving: pause trials and go on with the best of them only; None: train all to their ends.
        on_progress: called while training.

    Raises:
        HilumErrors: what is wrong with the inputs and with any trial, all at once.
        HilumError: one trial alone needs more memory, or several processes were started.
    """
    _check(store, train, val, trials, findings, encoder_name, seed, patients_apart)
    _, origin = start_encoder(init, encoder_name, seed)
    rooms = [Feed.of(store, settings, seed) for settings in trials]
    with run_directory(directory) as beside:
        resume_only_same_run(
            beside,
            ["trials", [decisive(settings) for settings in trials], [room.device.type for room in rooms],
             [room.precision for room in rooms], seed, encoder_name, origin.sha256 if origin else "random",
             store.recipe.as_data(), list(findings), digest_of(train), digest_of(val),
             *([] if halving is None else [asdict(halving)])],
        )  # fmt: skip
        rounds = _plan(beside, trials, encoder_name, train, val, rooms, memory)
        shares = (None,) if halving is None else halving.shares(len(trials), max(map(_epochs_in(train), trials)))
        results: dict[int, TrialResult] = {}
        curves: dict[int, pl.DataFrame] = {}
        scores = np.full((len(trials), *val.targets.shape), np.nan, dtype=np.float32)
        going_on = set(range(len(trials)))
        for rung, share in enumerate(shares):
            for number, chunk in enumerate(rounds):
                some = [trial for trial in chunk if trial in going_on]
                if not some:
                    continue
                room, working = rooms[some[0]], beside / f"round-{number:03d}"
                done = working if halving is None else working / f"rung-{rung}"
                if not (done / TRIALS).exists():
                    start, _ = start_encoder(init, encoder_name, seed)
                    until = None if share is None else _pause(share, [trials[trial] for trial in chunk], train)
                    lanes, found = train_in_lockstep(
                        start, [(trial, trials[trial]) for trial in some], train, val,
                        feed=room, directory=working, until=until, on_progress=on_progress,
                    )  # fmt: skip
                    _write_round(done, lanes, found, val)
                results |= {each.trial: each for each in _read_results(done, trials)}
                known = pl.read_parquet(done / CURVES)
                curves |= {trial: known.filter(pl.col("trial") == trial) for trial in some}
                scores[some] = np.load(done / SCORES)
            if halving is not None:
                better = halving.going_on(list(results.values()), len(trials), rung)
                going_on = {trial for trial in better if results[trial].status == "running"}
                ended = {n: each for n, each in results.items() if each.status == "running" and n not in going_on}
                results |= {n: replace(each, status="pruned") for n, each in ended.items()}
            for number, chunk in enumerate(rounds):
                if not going_on & set(chunk) or rung + 1 == len(shares):
                    delete_checkpoints(beside / f"round-{number:03d}")
        rows = [_as_row(results[trial]) for trial in range(len(trials))]
        _write_all(beside, rows, pl.concat([curves[trial] for trial in range(len(trials))]), scores)
        delete_checkpoints(beside)
    return read_trials(directory, trials)


def read_trials(directory: Path, trials: Sequence[FinetuneSettings]) -> TrialResults:
    """What `train_trials` left in a directory, for the settings that it was given."""
    return TrialResults(_read_results(directory, trials), pl.read_parquet(directory / CURVES), directory)


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
    """The epoch behind which trials of one round pause; None: they go to their ends."""
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
    rounds = []
    for some in rounds_alike(trials):
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


def rounds_alike(trials: Sequence[FinetuneSettings]) -> list[list[int]]:
    """Numbers of trials that can train in lockstep, in the order of the first of each."""
    alike: dict[tuple[Any, ...], list[int]] = {}
    for number, settings in enumerate(trials):
        alike.setdefault(tuple(getattr(settings, name) for name in SHARED), []).append(number)
    return list(alike.values())


def _write_round(directory: Path, lanes: Sequence[Lane], scores: NDArray[np.float32], val: LabelledImages) -> None:
    targets = np.where(val.targets == UNCERTAIN_CLASS, np.float32(np.nan), val.targets)
    rows = [
        {
            "trial": lane.trial,
            "status": lane.status,
            "epochs": lane.course.epoch,
            "best_epoch": lane.course.best_epoch,
            "validation_loss": _loss_at_best(lane) if lane.best is not None else lane.loss_at_pause,
            "auroc": mean_auroc(found, targets) if not np.isnan(found).all() else None,
            "ended_at": lane.ended_at,
            "steps": lane.steps,
            "seconds": round(lane.seconds, 3),
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


def _loss_at_best(lane: Lane) -> float:
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
        raise HilumErrors("trials", problems, fix="fix these, then train")


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
