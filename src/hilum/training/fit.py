"""Training loop on Lightning Fabric.

Not Lightning's Trainer: a run interrupted at any step must resume bit-identically, and Trainer restores neither the
position within an epoch nor running sums exactly without overriding most of its loop. Fabric provides devices,
precision, gradient clipping and checkpoints.
"""

import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.single_device import SingleDeviceStrategy
from torch import Tensor

from hilum.artifacts import fingerprint, whole_file, write_json
from hilum.data.batches import Batch, Batches
from hilum.data.transfer import Awaited
from hilum.errors import HilumError, TrainingFailedError
from hilum.progress import ProgressReport, silent
from hilum.training.activation_checkpointing import checkpoint_activations
from hilum.training.callbacks import Probing
from hilum.training.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from hilum.training.compilation import Compilation, CompiledBlocks, decide_compilation
from hilum.training.cpu import explicit_short_attention, keep_freed_memory, small_convolutions_as_products
from hilum.training.distributed import broadcast, broadcast_result, rank, world_size
from hilum.training.distributed.device import choose_device
from hilum.training.precision import AUTOCAST, arithmetic, choose_precision, deterministic
from hilum.training.settings import TrainingSettings
from hilum.training.state import TrainState
from hilum.training.step import Stepper, check_parts
from hilum.training.trainable import Trainable
from hilum.training.validation import validation_loss

COMPILATION = "compilation.json"
"""File in a run's directory with the decision on compilation, if it was requested or tried on a GPU."""


@dataclass(frozen=True)
class Fit:
    """Result of a run.

    Attributes:
        best_epoch: Epoch of the kept weights, from 1: by `TrainingSettings.keep` (default: lowest validation loss) or
            by the probe; otherwise the last.
        best_validation_loss: Lowest validation loss; None without validation.
        curves: One row per epoch: epoch (from 1), step (optimiser steps so far), train_loss, val_loss (null in epochs
            without validation; also val_auroc if it selects the epoch), lr (of the first parameter group at the last
            step), images_per_second and data_wait_fraction (of the training steps), seconds (training and validation),
            the module's `epoch_metrics`, and the probe's metrics with probe_seconds (null in epochs without probe).
        stopped_early: True after early stopping.
        start: Metrics of the probe before the first step; empty without probe.
        compilation: Decision on compilation; None if a resumed run had made it before.
    """

    best_epoch: int
    best_validation_loss: float | None
    curves: pl.DataFrame
    stopped_early: bool
    start: Mapping[str, float]
    compilation: Compilation | None = None


def fit(
    trainable: Trainable,
    batches: Batches,
    *,
    validation: Batches | None = None,
    probing: Probing | None = None,
    settings: TrainingSettings,
    directory: Path,
    on_progress: ProgressReport = silent,
) -> Fit:
    """Train a module; afterwards `Trainable.exported` has the weights of the best epoch.

    This is the epoch with the lowest validation loss (or by `settings.keep`), that of the best probe, or the last one.

    An interrupted run resumes from its checkpoint in `directory` bit-identically, with any number of prefetching
    threads, on the same machine with the same number of torch threads. Torch's generators and flags are restored.

    Of several processes (`hilum.training.distributed.processes.process_group`) each computes its part of every
    batch, so that together they take the steps that one process would take, but for rounding; the first one writes and
    reports.

    Args:
        trainable: Module; moved to the device, in channels-last memory format.
        batches: Training batches.
        validation: Validation batches that select the best epoch and stop the run early.
        probing: Probe of the exported module every few epochs, which may select the best epoch instead of
            `validation`; does not affect the training.
        settings: Settings of the run.
        directory: Working directory, the same for all processes, with `checkpoints/`, to be deleted by the caller
            (`delete_checkpoints`), and `curves.parquet`.
        on_progress: Called after each step with optimiser steps, their total, and a text with epoch, loss and rates.

    Raises:
        HilumError: The loss is not finite, the checkpoint has other settings, or batches cannot be divided among
            processes or gradient accumulation steps.
    """
    if validation is not None and probing is not None and probing.chooses:
        raise ValueError("either validation or a probe selects the best epoch")
    device = choose_device(settings.device)
    generators = torch.random.fork_rng([device] if device.type == "cuda" else [])
    on_cpu = device.type == "cpu"
    with (
        deterministic(device),
        keep_freed_memory(device),
        explicit_short_attention(trainable) if on_cpu else nullcontext(),
        small_convolutions_as_products(trainable) if on_cpu else nullcontext(),
        generators,
    ):
        loop = _Loop(trainable, batches, validation, probing, settings, directory, on_progress, device)
        loop.resume()
        with checkpoint_activations(loop.stepper.encoders) if settings.activation_checkpointing else nullcontext():
            return loop.run()


class _Loop:
    def __init__(
        self,
        trainable: Trainable,
        batches: Batches,
        validation: Batches | None,
        probing: Probing | None,
        settings: TrainingSettings,
        directory: Path,
        on_progress: ProgressReport,
        device: torch.device,
    ) -> None:
        self.batches, self.validation, self.probing, self.settings = batches, validation, probing, settings
        self.directory, self.on_progress, self.device = directory, on_progress, device
        precision = self.precision = choose_precision(settings.precision, device)
        # a plugin instead of a name, for which Fabric prints a line
        self.arithmetic = arithmetic(precision, device)
        # one device and no launcher: `hilum.training.distributed` handles several processes
        self.fabric = Fabric(strategy=SingleDeviceStrategy(device), plugins=[self.arithmetic, LightningEnvironment()])
        trainable.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.trainable = trainable
        check_parts(trainable.train(), batches, settings)
        for each in (batches, validation):
            if each is not None:
                each.part = rank(), world_size()
        self.stepper = Stepper(self.fabric, trainable, settings, len(batches))
        selection = [validation and len(validation), probing and [probing.every, probing.keep]]
        self.run_fingerprint = fingerprint([settings.as_data(), precision, len(batches), *selection])
        self.train_state = TrainState()
        self.best: dict[str, Tensor] | None = None
        self.unchecked: tuple[int, Awaited, int] | None = None
        self.saved = time.monotonic()

    def compile(self) -> Compilation | None:
        """Decide once per run, on a copy; a resumed run keeps the decision."""
        train_state, settings, found = self.train_state, self.settings, None
        if train_state.compiled is None:
            found = (
                self.try_compilation() if settings.compile == "on" or self.device.type == "cuda" else Compilation("off")
            )
            train_state.compiled = broadcast(found.code == "compiled")
            if found.code != "off" and rank() == 0:
                write_json(self.directory / COMPILATION, found.as_data())
        if train_state.compiled:
            self.stepper.compiled = CompiledBlocks(self.stepper.encoders)
        return found

    def try_compilation(self) -> Compilation:
        settings = self.settings
        batch = next(iter(self.batches))

        def loss_of(trainable: Any) -> Tensor:
            with self.stepper.forward_pass():
                loss: Tensor = trainable.training_loss(batch.cut(settings.gradient_accumulation_steps)[0], 0)
            return loss

        return decide_compilation(
            settings.compile,
            self.trainable.train(),
            loss_of,
            device=self.device,
            dtype=AUTOCAST.get(self.precision, torch.float32),
            steps=settings.epochs * len(self.batches),
            processes=world_size(),
            activation_checkpointing=settings.activation_checkpointing,
        )

    def run(self) -> Fit:
        compilation = self.compile()
        if self.probing is not None and not self.train_state.start:
            self.train_state.start = {name: value for name, value in self.probe(0).items() if value is not None}
        while self.train_state.epoch < self.settings.epochs and not self.train_state.stopped_early:
            if self.train_state.step < len(self.batches):
                self.train_epoch()
            self.finish_epoch()
        if self.best is not None:
            self.trainable.exported.load_state_dict(self.best)
        train_state = self.train_state
        return Fit(
            best_epoch=train_state.best_epoch or train_state.epoch,
            best_validation_loss=train_state.lowest.value if self.validation is not None else None,
            curves=self.write_curves(),
            stopped_early=train_state.stopped_early,
            start=train_state.start,
            compilation=compilation,
        )

    def train_epoch(self) -> None:
        train_state = self.train_state
        self.trainable.train()
        self.batches.load_state_dict({"epoch": train_state.epoch, "position": train_state.step})
        clock, waited = time.perf_counter(), self.batches.seconds_waited
        for batch in self.batches:
            self.train_step(batch)
            if train_state.step + 1 == len(self.batches):
                self.check_loss()  # wait for the GPU, so that the epoch's duration is complete
            now, waited_now = time.perf_counter(), self.batches.seconds_waited
            train_state.count_step(self.batches.images_in(train_state.step), now - clock, waited_now - waited)
            clock, waited = now, waited_now
            self.save_when_due()
            self.report()

    def train_step(self, batch: Batch) -> None:
        train_state = self.train_state
        images, steps_before = self.batches.images_in(train_state.step), train_state.epoch * len(self.batches)
        loss = self.stepper.take(batch, train_state.epoch, steps_before + train_state.step, train_state.plateau.share)
        self.check_loss()
        self.unchecked = train_state.step + 1, Awaited(loss * images), images

    def check_loss(self) -> None:
        """Add the last loss to the running sum, usually one step late, to avoid a GPU synchronisation."""
        if self.unchecked is None:
            return
        step, value = self.unchecked[0], self.unchecked[1].get()
        self.unchecked = None
        self.train_state.loss_sum += value
        if not math.isfinite(value):
            raise TrainingFailedError(
                "diverged",
                f"epoch {self.train_state.epoch + 1}, step {step} of {len(self.batches)}",
                expected="a finite training loss",
                found=str(value),
                fix="Lower `lr`, set `clip_grad_norm` (1.0 is common), raise `warmup_epochs`, or use precision fp32.",
            )

    def finish_epoch(self) -> None:
        train_state = self.train_state
        began = time.perf_counter()
        loss = auroc = None
        ranked = self.settings.keep == "best_auroc"
        if self.validation is not None and self.is_validated(train_state.epoch + 1):
            loss, auroc = validation_loss(
                self.trainable, self.validation, self.fabric, epoch=train_state.epoch + 1, with_auroc=ranked
            )
        row: dict[str, float | int | None] = {
            "epoch": train_state.epoch + 1,
            "step": (train_state.epoch + 1) * len(self.batches),
            "train_loss": train_state.loss_sum / train_state.images,
            "val_loss": loss,
            "lr": self.stepper.optimizer.param_groups[0]["lr"],
            "images_per_second": train_state.images_per_second,
            "data_wait_fraction": train_state.data_wait_fraction,
            "seconds": train_state.seconds + time.perf_counter() - began,
        }
        if ranked:
            row["val_auroc"] = auroc
        results = broadcast_result(self.trainable.epoch_metrics, f"epoch {train_state.epoch + 1}")
        probed = self.probe(train_state.epoch + 1)
        train_state.next_epoch({**row, **results, **probed})
        if self.probing is not None and train_state.record_probe(
            *self.probing.quality_and_error(probed), self.probing.keep
        ):
            self.keep_weights()
        if (
            loss is not None
            and train_state.record_validation(loss, auroc, self.settings)
            and self.settings.keep != "last"
        ):
            self.keep_weights()
        self.write_curves()
        self.save_when_due()

    def is_validated(self, epoch: int) -> bool:
        """Return whether an epoch, from 1, ends with a validation."""
        return epoch % self.settings.validate_every == 0 or epoch == self.settings.epochs

    def probe(self, epoch: int) -> dict[str, float | None]:
        """Run the probe after `epoch` epochs."""
        if self.probing is None:
            return {}
        results = self.probing.evaluate_after(self.trainable.exported, epoch, self.settings.epochs)
        quality = results[self.probing.quality]
        self.train_state.quality = self.train_state.quality if quality is None else quality
        return results

    def keep_weights(self) -> None:
        """Store the current weights of the exported module."""
        self.best = {
            name: value.detach().to("cpu", copy=True) for name, value in self.trainable.exported.state_dict().items()
        }

    def resume(self) -> None:
        path = checkpoint_path(self.directory)
        if not broadcast(path.exists()):
            return
        state = self.state()
        load_checkpoint(self.fabric, path, state)
        if state["run"] != self.run_fingerprint:
            raise HilumError(
                path,
                expected="a checkpoint of these settings and this number of images",
                found="one of another run",
                fix=f"Delete {self.directory} to start from the beginning, or use the previous settings.",
            )
        self.arithmetic.load_state_dict(state["scale"])
        self.train_state, self.best = TrainState.from_data(state["course"]), state["best"]

    def save_when_due(self) -> None:
        if rank() > 0 or time.monotonic() - self.saved < self.settings.checkpoint_every_seconds:
            return
        self.check_loss()
        save_checkpoint(self.fabric, checkpoint_path(self.directory), self.state())
        self.saved = time.monotonic()

    def state(self) -> dict[str, Any]:
        return {
            "run": self.run_fingerprint,
            "model": self.trainable,
            "optimizer": self.stepper.optimizer,
            "scale": self.arithmetic.state_dict(),
            "course": self.train_state.as_data(),
            "best": self.best,
        }

    def write_curves(self) -> pl.DataFrame:
        names = [
            "val_loss",
            *(["val_auroc"] if self.settings.keep == "best_auroc" else ()),
            *(self.probing.columns if self.probing else ()),
        ]
        kinds = dict.fromkeys(names, pl.Float64())  # null so far, perhaps
        curves = pl.DataFrame(self.train_state.curves, schema_overrides=kinds, infer_schema_length=None)
        if rank() == 0:
            with whole_file(self.directory / "curves.parquet") as beside:
                curves.write_parquet(beside)
        return curves

    def report(self) -> None:
        if rank() > 0:
            return
        train_state, settings = self.train_state, self.settings
        checked = train_state.images - (self.unchecked[2] if self.unchecked else 0)
        loss = f"{train_state.loss_sum / checked:.3f}" if checked else "…"
        self.on_progress(
            train_state.epoch * len(self.batches) + train_state.step,
            settings.epochs * len(self.batches),
            f"epoch {train_state.epoch + 1}/{settings.epochs} · loss {loss} · "
            f"{train_state.images_per_second:.0f} images/s · data-wait {100 * train_state.data_wait_fraction:.1f} %"
            + (f" · probe {train_state.quality:.3f}" if train_state.quality is not None else ""),
        )
