"""The one training loop.

It is a short loop of our own on Lightning Fabric, not Lightning's Trainer: a run that is killed at any step must end
with the same bits, and Trainer restores neither the data's place inside an epoch nor running sums exactly without
overriding most of its loop. Fabric keeps what Lightning is for (devices, precision, gradient clipping, checkpoints).
"""

import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import MixedPrecision, Precision
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.single_device import SingleDeviceStrategy
from torch import Tensor

from hilum.artifacts import fingerprint, whole_file
from hilum.data.batches import Batch, Batches
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from hilum.training.course import Course
from hilum.training.precision import choose_device, choose_precision, deterministic
from hilum.training.ranks import rank, summed, told, world_size
from hilum.training.recompute import recomputing
from hilum.training.settings import TrainingSettings
from hilum.training.step import Stepper, check_parts
from hilum.training.trainable import Trainable


@dataclass(frozen=True)
class Fit:
    """What a run came to.

    Attributes:
        best_epoch: epoch whose weights were kept, from 1: of the lowest validation loss, else the last.
        best_validation_loss: None without validation.
        curves: one row an epoch: epoch (from 1), step (optimiser steps so far), train_loss, val_loss (null without
            validation), lr (of the first parameter group at the epoch's last step), images_per_second and
            data_wait_share (of the training steps), seconds (training and validation), and what the module watches.
        stopped_early: before the last epoch, for want of a lower validation loss.
    """

    best_epoch: int
    best_validation_loss: float | None
    curves: pl.DataFrame
    stopped_early: bool


def fit(
    trainable: Trainable,
    batches: Batches,
    *,
    validation: Batches | None = None,
    settings: TrainingSettings,
    directory: Path,
    on_progress: ProgressReport = silent,
) -> Fit:
    """Train; `trainable` then holds the weights of the lowest validation loss, or the last ones without validation.

    A run that was killed goes on from its checkpoint in `directory` and ends with the same bits, whatever the number
    of prefetching threads, on the same machine with the same number of torch threads. Torch's generators and flags are
    left as the caller had them.

    Of several processes (`hilum.training.processes.joined_processes`) each computes its part of every batch, so that
    together they take the steps that one process would take, but for rounding; the first one writes and reports.

    Args:
        trainable: moved to the device; its memory format becomes channels-last.
        batches: training films.
        validation: films that choose the best epoch and stop the run early.
        settings: of the run.
        directory: working directory that survives a kill, the same for all processes; `checkpoints/` in it is the
            caller's to delete when done (`delete_checkpoints`). `curves.parquet` stays.
        on_progress: called after every step with optimiser steps, their total, and epoch, loss and rates.

    Raises:
        HilumError: the loss is not finite, the checkpoint is of other settings, or batches cannot be shared or
            computed in parts as asked.
    """
    device = choose_device(settings.device)
    with deterministic(device), torch.random.fork_rng([device] if device.type == "cuda" else []):
        loop = _Loop(trainable, batches, validation, settings, directory, on_progress, device)
        loop.resume()
        with recomputing(loop.stepper.encoders) if settings.recompute else nullcontext():
            return loop.run()


class _Loop:
    def __init__(
        self,
        trainable: Trainable,
        batches: Batches,
        validation: Batches | None,
        settings: TrainingSettings,
        directory: Path,
        on_progress: ProgressReport,
        device: torch.device,
    ) -> None:
        self.batches, self.validation, self.settings = batches, validation, settings
        self.directory, self.on_progress, self.device = directory, on_progress, device
        precision = choose_precision(settings.precision, device)
        # the plugin itself, because naming the precision makes Fabric print a line
        arithmetic = MixedPrecision("bf16-mixed", device.type) if precision == "bf16" else Precision()
        # one device and no launcher: how processes share a batch is not Fabric's to say (`hilum.training.ranks`)
        self.fabric = Fabric(strategy=SingleDeviceStrategy(device), plugins=[arithmetic, LightningEnvironment()])
        trainable.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.trainable = trainable
        check_parts(trainable.train(), batches, settings)
        for each in (batches, validation):
            if each is not None:
                each.part = rank(), world_size()
        self.stepper = Stepper(self.fabric, trainable, settings, len(batches))
        self.run_print = fingerprint([settings.as_data(), precision, len(batches), validation and len(validation)])
        self.course = Course()
        self.best: dict[str, Tensor] | None = None
        self.unchecked: tuple[int, Tensor, int] | None = None
        self.saved = time.monotonic()

    def run(self) -> Fit:
        while self.course.epoch < self.settings.epochs and not self.course.stopped_early:
            if self.course.step < len(self.batches):
                self.train_epoch()
            self.finish_epoch()
        if self.best is not None:
            self.trainable.load_state_dict(self.best)
        curves = self.write_curves()
        validated = self.validation is not None
        return Fit(
            best_epoch=self.course.best_epoch if validated else self.course.epoch,
            best_validation_loss=self.course.lowest.value if validated else None,
            curves=curves,
            stopped_early=self.course.stopped_early,
        )

    def train_epoch(self) -> None:
        course = self.course
        self.trainable.train()
        self.batches.load_state_dict({"epoch": course.epoch, "position": course.step})
        clock, waited = time.perf_counter(), self.batches.seconds_waited
        for batch in self.batches:
            self.train_step(batch)
            if course.step + 1 == len(self.batches):
                self.check_loss()  # so that the epoch's clock stops when its work is done, on a GPU too
            now, waited_now = time.perf_counter(), self.batches.seconds_waited
            course.count_step(self.batches.films_in(course.step), now - clock, waited_now - waited)
            clock, waited = now, waited_now
            self.save_when_due()
            self.report()

    def train_step(self, batch: Batch) -> None:
        course = self.course
        films, steps_before = self.batches.films_in(course.step), course.epoch * len(self.batches)
        loss = self.stepper.take(batch, course.epoch, steps_before + course.step, course.plateau.share)
        self.check_loss()
        self.unchecked = course.step + 1, loss * films, films

    def check_loss(self) -> None:
        """Add the last loss to the running sum; mostly a step late, so that a GPU never waits for the CPU."""
        if self.unchecked is None:
            return
        step, value = self.unchecked[0], float(self.unchecked[1])
        self.unchecked = None
        self.course.loss_sum += value
        if not math.isfinite(value):
            raise HilumError(
                f"epoch {self.course.epoch + 1}, step {step} of {len(self.batches)}",
                expected="a finite training loss",
                found=str(value),
                fix="Lower `lr`, set `clip_norm` (1.0 is common), lengthen `warmup_epochs`, or use precision fp32.",
            )

    def finish_epoch(self) -> None:
        course = self.course
        began = time.perf_counter()
        loss = self.validate(self.validation) if self.validation is not None else None
        row: dict[str, float | int | None] = {
            "epoch": course.epoch + 1,
            "step": (course.epoch + 1) * len(self.batches),
            "train_loss": course.loss_sum / course.images,
            "val_loss": loss,
            "lr": self.stepper.optimizer.param_groups[0]["lr"],
            "images_per_second": course.images_per_second,
            "data_wait_share": course.data_wait_share,
            "seconds": course.seconds + time.perf_counter() - began,
        }
        course.next_epoch({**row, **self.watch()})
        if loss is not None:
            course.plateau.record(loss, self.settings)
            if course.lowest.record(loss):
                course.best_epoch = course.epoch
                self.best = {
                    name: value.detach().to("cpu", copy=True) for name, value in self.trainable.state_dict().items()
                }
            patience = self.settings.patience
            course.stopped_early = patience is not None and course.lowest.waited >= patience
        self.write_curves()
        self.save_when_due()

    def watch(self) -> dict[str, float]:
        """Every process looks, since that may change its state; what the first sees holds for all, a stop as well."""
        seen: dict[str, float] = {}
        problem: HilumError | None = None
        try:
            seen = self.trainable.watch()
        except HilumError as error:
            problem = error
        seen, stop = told((seen, problem is not None))
        if stop:
            raise problem or HilumError(
                f"epoch {self.course.epoch + 1}",
                expected="all processes to go on",
                found="a stop in the first one",
                fix="See what it says.",
            )
        return seen

    def validate(self, validation: Batches) -> float:
        self.trainable.eval()
        validation.load_state_dict({"epoch": 0, "position": 0})
        total = count = 0.0
        with torch.no_grad(), self.fabric.autocast():
            for batch in validation:
                if not len(batch):  # a last batch of fewer films than processes
                    continue
                loss, terms = self.trainable.validation_loss(batch)
                total, count = total + float(loss), count + float(terms)
        total, count = summed(torch.tensor([total, count], dtype=torch.float64, device=self.device)).tolist()
        mean = total / count if count else math.nan
        if not math.isfinite(mean):
            raise HilumError(
                f"validation after epoch {self.course.epoch + 1}",
                expected="a finite loss",
                found=f"{total} over {count:g} labels",
                fix="Validate on films with labels; or lower `lr`, or use precision fp32.",
            )
        return mean

    def resume(self) -> None:
        path = checkpoint_path(self.directory)
        if not told(path.exists()):
            return
        state = self.state()
        load_checkpoint(self.fabric, path, state)
        if state["run"] != self.run_print:
            raise HilumError(
                path,
                expected="a checkpoint of these settings and this number of films",
                found="one of another run",
                fix=f"Delete {self.directory} to start from the beginning, or go back to the settings of before.",
            )
        self.course, self.best = Course.from_data(state["course"]), state["best"]

    def save_when_due(self) -> None:
        if rank() > 0 or time.monotonic() - self.saved < self.settings.checkpoint_every_seconds:
            return
        self.check_loss()
        save_checkpoint(self.fabric, checkpoint_path(self.directory), self.state())
        self.saved = time.monotonic()

    def state(self) -> dict[str, Any]:
        return {
            "run": self.run_print,
            "model": self.trainable,
            "optimizer": self.stepper.optimizer,
            "course": self.course.as_data(),
            "best": self.best,
        }

    def write_curves(self) -> pl.DataFrame:
        curves = pl.DataFrame(self.course.curves, schema_overrides={"val_loss": pl.Float64}, infer_schema_length=None)
        if rank() == 0:
            with whole_file(self.directory / "curves.parquet") as beside:
                curves.write_parquet(beside)
        return curves

    def report(self) -> None:
        if rank() > 0:
            return
        course, settings = self.course, self.settings
        checked = course.images - (self.unchecked[2] if self.unchecked else 0)
        loss = f"{course.loss_sum / checked:.3f}" if checked else "…"
        self.on_progress(
            course.epoch * len(self.batches) + course.step,
            settings.epochs * len(self.batches),
            f"epoch {course.epoch + 1}/{settings.epochs} · loss {loss} · "
            f"{course.images_per_second:.0f} images/s · data-wait {100 * course.data_wait_share:.1f} %",
        )
