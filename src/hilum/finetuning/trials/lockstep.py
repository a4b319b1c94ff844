"""Training of trials in lockstep: one loop over the same batches.

Each trial is trained as it would be alone (`hilum.finetuning.finetune`): augmentation and order are functions of seed,
epoch and image, dropout of seed and step. Computations that are equal for all trials are done once.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.single_device import SingleDeviceStrategy
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.artifacts import fingerprint
from hilum.augment import Augmentation, augmentation_of
from hilum.data.batches import Batch
from hilum.data.labelled_images import LabelledImages
from hilum.data.transfer import Awaited
from hilum.encoders.zoo import Encoder
from hilum.errors import HilumError
from hilum.finetuning.data_loader import BatchLoader
from hilum.finetuning.finetune import build_classifier, fingerprint_fields, resampled_images
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials.lanes import Lane
from hilum.finetuning.trials.shared_pass import BehindSharedPass, SharedPass, encoder_of_lane
from hilum.finetuning.trials.stacked_heads import StackedHeads, classifier_of, stackable
from hilum.progress import ProgressReport, silent
from hilum.training.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from hilum.training.cpu import explicit_short_attention, keep_freed_memory, small_convolutions_as_products
from hilum.training.precision import arithmetic, deterministic
from hilum.training.step import Stepper

SHARED = (
    "batch_size",
    "drop_last",
    "augmentation",
    "resample",
    "size",
    "class_weights",
    "max_class_weight",
    "focal",
    "label_smoothing",
    "reduction",
    "output_type",
    "precision",
    "device",
    "workers",
)
"""Settings that are equal for trials in lockstep; others may differ."""


def train_in_lockstep(
    start: Encoder,
    trials: Sequence[tuple[int, FinetuneSettings]],
    train: LabelledImages,
    val: LabelledImages,
    *,
    loader: BatchLoader,
    directory: Path,
    until: int | None = None,
    on_progress: ProgressReport = silent,
) -> tuple[list[Lane], NDArray[np.float32]]:
    """Train trials, and score the validation images with the selected weights of each.

    An interrupted call resumes from its checkpoint in `directory` with bit-identical results, as does a call for some
    of the trials of a paused call.

    Args:
        start: Initial encoder of all trials; it is frozen, and its weights are unchanged.
        trials: Number and settings of each trial, equal in those of `SHARED`.
        train, val: Images with targets; at least one label of `val` is known.
        loader: BatchLoader of the images.
        directory: Working directory with checkpoints.
        until: Pause after this epoch: trials that have not ended remain "running", with a checkpoint. None to train to
            the end.
        on_progress: Called while features are computed, and after every step.

    Returns:
        Lanes, ended or paused, in the order of `trials`; and probabilities (trials, N of `val`, findings), NaN for a
        trial without a validated epoch.
    """
    generators = torch.random.fork_rng([loader.device] if loader.device.type == "cuda" else [])
    with deterministic(loader.device), keep_freed_memory(loader.device), generators:
        run = _Lockstep(start, trials, train, val, loader, directory, on_progress)
        modules = nn.ModuleList([start, *(lane.trainable for lane in run.lanes)])
        with explicit_short_attention(modules), small_convolutions_as_products(modules):
            run.cache_features()
            run.resume()
            run.run(until)
            return run.lanes, run.scores()


@dataclass(frozen=True)
class _Uncounted:
    """Losses of lanes at a step, from 0, in transfer to the host; times `factor` they are sums over `images`."""

    lanes: list[Lane]
    values: Awaited
    factor: int
    images: int
    step: int


class _Lockstep:
    def __init__(
        self,
        start: Encoder,
        trials: Sequence[tuple[int, FinetuneSettings]],
        train: LabelledImages,
        val: LabelledImages,
        loader: BatchLoader,
        directory: Path,
        on_progress: ProgressReport,
    ) -> None:
        self.loader, self.directory, self.on_progress = loader, directory, on_progress
        settings = trials[0][1]
        self.train_images, self.val_images = resampled_images(train, settings, loader.seed), val
        train = self.train_images
        self.augmentation = augmentation_of(settings.augmentation)
        self.every_seconds = min(each.checkpoint_every_seconds for _, each in trials)
        start.frozen_blocks = len(start.blocks)
        start.requires_grad_(False)
        start.to(device=loader.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        start.eval()
        self.shared = SharedPass(start, loader.size, self.augmentation, loader.seed, ())
        self.lanes = [self._lane(start, number, each) for number, each in trials]
        self.batches = loader.training(train, drop_last=settings.drop_last)
        self.validation = loader.plain(val.image_ids, val.targets)
        self.epoch = self.step = 0
        self.prints = {number: fingerprint(fingerprint_fields(each)) for number, each in trials}
        self.saved = time.monotonic()
        self.steppers: dict[int, Stepper] = {}
        self.scales: dict[int, Any] = {}
        for lane in self.lanes:
            if not stackable(lane):
                self._give_stepper(lane)
        self.features: dict[str, dict[str, Tensor]] = {}
        self.stacks: list[StackedHeads] = []
        self.uncounted: list[_Uncounted] = []

    def _lane(self, start: Encoder, number: int, settings: FinetuneSettings) -> Lane:
        encoder = start if settings.unfreeze == 0 else encoder_of_lane(start, settings.unfreeze)
        classifier = build_classifier(encoder, self.train_images, settings, self.loader)
        trainable = BehindSharedPass(classifier, self.shared)
        trainable.to(device=self.loader.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        held = {id(each) for each in (*start.parameters(), *start.buffers())}
        own = [key for key, value in trainable.state_dict(keep_vars=True).items() if id(value) not in held]
        return Lane(
            number, settings, settings.training(self.loader.seed, len(self.train_images.image_ids)), trainable, own
        )

    def _give_stepper(self, lane: Lane) -> None:
        scale = arithmetic(self.loader.precision, self.loader.device)
        fabric = Fabric(strategy=SingleDeviceStrategy(self.loader.device), plugins=[scale, LightningEnvironment()])
        self.scales[lane.trial] = scale
        self.steppers[lane.trial] = Stepper(fabric, lane.trainable.train(), lane.training, len(self.batches))

    @property
    def running(self) -> list[Lane]:
        return [lane for lane in self.lanes if lane.status == "running"]

    @property
    def apart(self) -> list[Lane]:
        """Running lanes that are not stacked, computed one after another."""
        return [lane for lane in self.running if lane.trial in self.steppers]

    def cache_features(self) -> None:
        """Compute fixed features once: of validation images, and of training images without augmentation."""
        for lane in self.lanes:
            pooling = lane.settings.pooling
            if lane.trial in self.steppers or pooling in self.features:
                continue
            look = classifier_of(lane).eval().features
            report = self.on_progress
            known = {
                "val": self.loader.outputs(look, self.val_images.image_ids, "features of validation images", report)
            }
            if self.augmentation == Augmentation():
                known["train"] = self.loader.outputs(
                    look, self.train_images.image_ids, "features of training images", report,
                    copies=self.train_images.copies,
                )  # fmt: skip
            self.features[pooling] = known

    def arrange(self) -> None:
        """Stack the heads of running lanes that can be computed together."""
        alike: dict[tuple[str, str, str], list[Lane]] = {}
        for lane in self.running:
            if lane.trial not in self.steppers:
                kind = lane.settings.head, lane.settings.pooling, lane.training.optimizer
                alike.setdefault(kind, []).append(lane)
        self.stacks = [StackedHeads(some, self.loader.seed, len(self.batches)) for some in alike.values()]

    def cut(self, training: bool) -> None:
        """Set the blocks at which lanes continue after the shared pass."""
        cuts = {classifier_of(lane).encoder.frozen_blocks for lane in self.apart}
        if training:
            for stack in self.stacks:
                if "train" not in self.features[stack.lanes[0].settings.pooling]:
                    cuts |= set(stack.classifier.cuts_read)
        self.shared.cuts = sorted(cuts)

    def run(self, until: int | None) -> None:
        while self.running and (until is None or self.epoch < until):
            if self.step < len(self.batches):
                self.train_epoch()
            self.finish_epoch()
        if self.running:
            self.save()
            self.validate_at_pause()

    def validate_at_pause(self) -> None:
        """Validate trials that paused before their first validation, without changing them."""
        unvalidated = [lane for lane in self.running if lane.best is None]
        losses = self.validation_losses() if unvalidated else {}
        for lane in unvalidated:
            lane.loss_at_pause = losses[lane.trial]

    def train_epoch(self) -> None:
        for lane in self.apart:
            lane.trainable.train()
        self.batches.load_state_dict({"epoch": self.epoch, "position": self.step})
        for batch in self.batches:
            self.take(batch)
            self.step += 1
            self.save_when_due()
            self.report()
            if not self.running:
                return

    def take(self, batch: Batch) -> None:
        with self.timed():
            self.step_of_each(batch)
            if self.step + 1 == len(self.batches):
                self.count_losses()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Divide the time of a block among the running lanes."""
        running, began = self.running, time.perf_counter()
        yield
        for lane in running:
            lane.seconds += (time.perf_counter() - began) / len(running)

    def step_of_each(self, batch: Batch) -> None:
        self.cut(training=True)
        images = len(batch)
        with self.autocast():
            self.shared.train(batch, self.epoch)
        self.count_losses()
        for lane in self.apart:
            stepper = self.steppers[lane.trial]
            taken = self.epoch * len(self.batches) + self.step
            loss = stepper.take(batch, self.epoch, taken, lane.train_state.plateau.share)
            stepper.optimizer.zero_grad()  # keep gradients of one lane at a time
            self.uncounted.append(_Uncounted([lane], Awaited(loss * images), 1, images, self.step))
        for stack in self.stacks:
            losses = stack.take(self.inputs_of(stack, batch), batch, self.epoch, self.step)
            self.uncounted.append(_Uncounted(stack.lanes, Awaited(losses), images, images, self.step))

    def count_losses(self) -> None:
        """Add the losses of the last step to the running sums, and end trials with a non-finite loss.

        Called after the start of the next batch's shared pass, so that a GPU is busy while the host waits; always
        before the heads' next step, so that stacks do not depend on the time of a checkpoint.
        """
        for losses in self.uncounted:
            for lane, value in zip(losses.lanes, losses.values.tolist(), strict=True):
                train_state, loss = lane.train_state, value * losses.factor
                train_state.loss_sum += loss
                train_state.step += 1
                train_state.images += losses.images
                if not math.isfinite(loss):
                    lane.diverge(self.epoch + 1, losses.step + 1)
        self.uncounted = []
        self.drop_ended()

    def inputs_of(self, stack: StackedHeads, batch: Batch) -> Tensor:
        """Return the features of the current batch."""
        known = self.features[stack.lanes[0].settings.pooling].get("train")
        if known is not None:
            return known[batch.rows]
        with torch.no_grad(), self.autocast():
            return stack.classifier.pooled_of([self.shared.hidden[cut] for cut in stack.classifier.cuts_read]).float()

    def autocast(self) -> Any:
        return arithmetic(self.loader.precision, self.loader.device).forward_context()

    def finish_epoch(self) -> None:
        with self.timed():
            due = [lane for lane in self.running if lane.is_validated(self.epoch + 1)]
            losses = self.validation_losses() if due else {}
        for lane in self.running:
            loss = losses[lane.trial] if lane in due else None
            if loss is None or math.isfinite(loss):
                lane.finish_epoch(loss, self.lr(lane), len(self.batches))
            else:
                lane.diverge(self.epoch + 1, 0)
        self.epoch, self.step = self.epoch + 1, 0
        self.drop_ended()
        self.save_when_due()

    def validation_losses(self) -> dict[int, float]:
        """Compute the validation loss of each running lane, by trial."""
        sums = {lane.trial: [0.0, 0.0] for lane in self.running}
        targets = torch.from_numpy(self.val_images.targets).to(self.loader.device)
        for stack in self.stacks:
            features = self.features[stack.lanes[0].settings.pooling]["val"]
            totals, terms = stack.validation_losses(features, targets)
            sums.update({lane.trial: [total, terms] for lane, total in zip(stack.lanes, totals, strict=True)})
        for batch in self.plain_batches():
            for lane in self.apart:
                summed, count = lane.trainable.validation_loss(batch)
                sums[lane.trial][0] += float(summed)
                sums[lane.trial][1] += float(count)
        return {trial: total / terms for trial, (total, terms) in sums.items()}

    def plain_batches(self) -> Any:
        """Yield validation batches after the shared pass, in evaluation mode and without gradients."""
        self.cut(training=False)
        if not self.shared.cuts:
            return
        for lane in self.apart:
            lane.trainable.eval()
        self.validation.load_state_dict({"epoch": 0, "position": 0})
        with torch.no_grad(), self.autocast():
            for batch in self.validation:
                self.shared.look(batch)
                yield batch

    def lr(self, lane: Lane) -> float:
        if lane.trial in self.steppers:
            return float(self.steppers[lane.trial].optimizer.param_groups[0]["lr"])
        return next(stack for stack in self.stacks if lane in stack.lanes).lr(lane)

    def drop_ended(self) -> None:
        for lane in self.lanes:
            if lane.status != "running":
                self.steppers.pop(lane.trial, None) and self.scales.pop(lane.trial)
        for stack in self.stacks:
            stack.drop_ended()
        self.stacks = [stack for stack in self.stacks if stack.lanes]

    def scores(self) -> NDArray[np.float32]:
        """Compute probabilities of the validation images with each lane's best weights."""
        shape = len(self.lanes), *self.val_images.targets.shape
        found = np.full(shape, np.nan, dtype=np.float32)
        validated = [lane.best is not None or lane.loss_at_pause is not None for lane in self.lanes]
        running = [(place, lane) for place, lane in enumerate(self.lanes) if validated[place]]
        for _, lane in running:
            if lane.best is not None:
                lane.restore_best()
            lane.trainable.eval()
        with torch.no_grad():
            for place, lane in running:
                if lane.settings.pooling in self.features and stackable(lane):
                    known = self.features[lane.settings.pooling]["val"]
                    found[place] = self.probabilities(lane, known)
            apart = [(place, lane) for place, lane in running if not stackable(lane)]
            self.shared.cuts = sorted({classifier_of(lane).encoder.frozen_blocks for _, lane in apart})
            if apart:
                self.validation.load_state_dict({"epoch": 0, "position": 0})
                for batch in self.validation:
                    with self.autocast():
                        self.shared.look(batch)
                        for place, lane in apart:
                            trainable = lane.trainable
                            assert isinstance(trainable, BehindSharedPass)
                            found[place, batch.rows] = self.probabilities(lane, trainable.features())
        return found

    def probabilities(self, lane: Lane, features: Tensor) -> NDArray[np.float32]:
        classifier = classifier_of(lane)
        found: NDArray[np.float32] = (
            classifier.output_type.probabilities(classifier.score(features)).float().cpu().numpy()
        )
        return found

    def state(self) -> dict[str, Any]:
        optimizers = {lane.trial: stack.optimizer for stack in self.stacks for lane in stack.lanes}
        optimizers |= {trial: stepper.optimizer for trial, stepper in self.steppers.items()}
        scales = {trial: scale.state_dict() for trial, scale in self.scales.items()}
        return {
            "runs": self.prints,
            "epoch": self.epoch,
            "step": self.step,
            "lanes": [lane.as_data(optimizers.get(lane.trial), scales.get(lane.trial, {})) for lane in self.lanes],
        }

    def save_when_due(self) -> None:
        if time.monotonic() - self.saved < self.every_seconds:
            return
        self.save()

    def save(self) -> None:
        self.count_losses()
        save_checkpoint(Fabric(accelerator="cpu", devices=1), checkpoint_path(self.directory), self.state())
        self.saved = time.monotonic()

    def resume(self) -> None:
        path = checkpoint_path(self.directory)
        state: dict[str, Any] = {"runs": {}, "epoch": 0, "step": 0, "lanes": []}
        if path.exists():
            load_checkpoint(Fabric(accelerator="cpu", devices=1), path, state)
            if not self.prints.items() <= state["runs"].items():
                raise HilumError(
                    path,
                    expected="a checkpoint of these trials",
                    found="one of others",
                    fix=f"Delete {self.directory} to start from the beginning.",
                )
            running = {data["trial"]: data for data in state["lanes"]}
            for lane in self.lanes:
                lane.load(running[lane.trial])
            self.epoch, self.step = state["epoch"], state["step"]
        self.drop_ended()
        self.arrange()
        if path.exists():
            optimizers: dict[int, torch.optim.Optimizer] = {
                lane.trial: stack.optimizer for stack in self.stacks for lane in stack.lanes
            }
            for lane in self.lanes:
                data = running[lane.trial]
                if lane.status == "running":
                    stepper = self.steppers.get(lane.trial)
                    optimizer = optimizers[lane.trial] if stepper is None else stepper.optimizer
                    lane.load_optimizer(optimizer, data["optimizer"])
                    if stepper is not None:
                        self.scales[lane.trial].load_state_dict(data["scale"])

    def report(self) -> None:
        epochs = max(lane.training.epochs for lane in self.lanes)
        running = len(self.running)
        self.on_progress(
            self.epoch * len(self.batches) + self.step,
            epochs * len(self.batches),
            f"epoch {self.epoch + 1}/{epochs} · {running} of {len(self.lanes)} trials running",
        )
