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
from hilum.finetuning.trials.members import LockstepTrial
from hilum.finetuning.trials.shared_pass import BehindSharedPass, SharedPass, encoder_of_member
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
) -> tuple[list[LockstepTrial], NDArray[np.float32]]:
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
        Trials, ended or paused, in the order of `trials`; and probabilities (trials, N of `val`, findings), NaN for a
        trial without a validated epoch.
    """
    generators = torch.random.fork_rng([loader.device] if loader.device.type == "cuda" else [])
    with deterministic(loader.device), keep_freed_memory(loader.device), generators:
        run = _Lockstep(start, trials, train, val, loader, directory, on_progress)
        modules = nn.ModuleList([start, *(member.trainable for member in run.members)])
        with explicit_short_attention(modules), small_convolutions_as_products(modules):
            run.cache_features()
            run.resume()
            run.run(until)
            return run.members, run.scores()


@dataclass(frozen=True)
class _Uncounted:
    """Losses of members at a step, from 0, in transfer to the host; times `factor` they are sums over `images`."""

    members: list[LockstepTrial]
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
        self.members = [self._member(start, number, each) for number, each in trials]
        self.batches = loader.training(train, drop_last=settings.drop_last)
        self.validation = loader.plain(val.image_ids, val.targets)
        self.epoch = self.step = 0
        self.prints = {number: fingerprint(fingerprint_fields(each)) for number, each in trials}
        self.saved = time.monotonic()
        self.steppers: dict[int, Stepper] = {}
        self.scales: dict[int, Any] = {}
        for member in self.members:
            if not stackable(member):
                self._give_stepper(member)
        self.features: dict[str, dict[str, Tensor]] = {}
        self.stacks: list[StackedHeads] = []
        self.uncounted: list[_Uncounted] = []

    def _member(self, start: Encoder, number: int, settings: FinetuneSettings) -> LockstepTrial:
        encoder = start if settings.unfreeze == 0 else encoder_of_member(start, settings.unfreeze)
        classifier = build_classifier(encoder, self.train_images, settings, self.loader)
        trainable = BehindSharedPass(classifier, self.shared)
        trainable.to(device=self.loader.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        held = {id(each) for each in (*start.parameters(), *start.buffers())}
        own = [key for key, value in trainable.state_dict(keep_vars=True).items() if id(value) not in held]
        return LockstepTrial(
            number, settings, settings.training(self.loader.seed, len(self.train_images.image_ids)), trainable, own
        )

    def _give_stepper(self, member: LockstepTrial) -> None:
        scale = arithmetic(self.loader.precision, self.loader.device)
        fabric = Fabric(strategy=SingleDeviceStrategy(self.loader.device), plugins=[scale, LightningEnvironment()])
        self.scales[member.trial] = scale
        self.steppers[member.trial] = Stepper(fabric, member.trainable.train(), member.training, len(self.batches))

    @property
    def running(self) -> list[LockstepTrial]:
        return [member for member in self.members if member.status == "running"]

    @property
    def apart(self) -> list[LockstepTrial]:
        """Running members that are not stacked, computed one after another."""
        return [member for member in self.running if member.trial in self.steppers]

    def cache_features(self) -> None:
        """Compute fixed features once: of validation images, and of training images without augmentation."""
        for member in self.members:
            pooling = member.settings.pooling
            if member.trial in self.steppers or pooling in self.features:
                continue
            look = classifier_of(member).eval().features
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
        """Stack the heads of running members that can be computed together."""
        alike: dict[tuple[str, str, str], list[LockstepTrial]] = {}
        for member in self.running:
            if member.trial not in self.steppers:
                kind = member.settings.head, member.settings.pooling, member.training.optimizer
                alike.setdefault(kind, []).append(member)
        self.stacks = [StackedHeads(some, self.loader.seed, len(self.batches)) for some in alike.values()]

    def cut(self, training: bool) -> None:
        """Set the blocks at which members continue after the shared pass."""
        cuts = {classifier_of(member).encoder.frozen_blocks for member in self.apart}
        if training:
            for stack in self.stacks:
                if "train" not in self.features[stack.members[0].settings.pooling]:
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
        unvalidated = [member for member in self.running if member.best is None]
        losses = self.validation_losses() if unvalidated else {}
        for member in unvalidated:
            member.loss_at_pause = losses[member.trial]

    def train_epoch(self) -> None:
        for member in self.apart:
            member.trainable.train()
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
        """Divide the time of a block among the running members."""
        running, began = self.running, time.perf_counter()
        yield
        for member in running:
            member.seconds += (time.perf_counter() - began) / len(running)

    def step_of_each(self, batch: Batch) -> None:
        self.cut(training=True)
        images = len(batch)
        with self.autocast():
            self.shared.train(batch, self.epoch)
        self.count_losses()
        for member in self.apart:
            stepper = self.steppers[member.trial]
            taken = self.epoch * len(self.batches) + self.step
            loss = stepper.take(batch, self.epoch, taken, member.train_state.plateau.share)
            stepper.optimizer.zero_grad()  # keep gradients of one member at a time
            self.uncounted.append(_Uncounted([member], Awaited(loss * images), 1, images, self.step))
        for stack in self.stacks:
            losses = stack.take(self.inputs_of(stack, batch), batch, self.epoch, self.step)
            self.uncounted.append(_Uncounted(stack.members, Awaited(losses), images, images, self.step))

    def count_losses(self) -> None:
        """Add the losses of the last step to the running sums, and end trials with a non-finite loss.

        Called after the start of the next batch's shared pass, so that a GPU is busy while the host waits; always
        before the heads' next step, so that stacks do not depend on the time of a checkpoint.
        """
        for losses in self.uncounted:
            for member, value in zip(losses.members, losses.values.tolist(), strict=True):
                train_state, loss = member.train_state, value * losses.factor
                train_state.loss_sum += loss
                train_state.step += 1
                train_state.images += losses.images
                if not math.isfinite(loss):
                    member.diverge(self.epoch + 1, losses.step + 1)
        self.uncounted = []
        self.drop_ended()

    def inputs_of(self, stack: StackedHeads, batch: Batch) -> Tensor:
        """Return the features of the current batch."""
        known = self.features[stack.members[0].settings.pooling].get("train")
        if known is not None:
            return known[batch.rows]
        with torch.no_grad(), self.autocast():
            return stack.classifier.pooled_of([self.shared.hidden[cut] for cut in stack.classifier.cuts_read]).float()

    def autocast(self) -> Any:
        return arithmetic(self.loader.precision, self.loader.device).forward_context()

    def finish_epoch(self) -> None:
        with self.timed():
            due = [member for member in self.running if member.is_validated(self.epoch + 1)]
            losses = self.validation_losses() if due else {}
        for member in self.running:
            loss = losses[member.trial] if member in due else None
            if loss is None or math.isfinite(loss):
                member.finish_epoch(loss, self.lr(member), len(self.batches))
            else:
                member.diverge(self.epoch + 1, 0)
        self.epoch, self.step = self.epoch + 1, 0
        self.drop_ended()
        self.save_when_due()

    def validation_losses(self) -> dict[int, float]:
        """Compute the validation loss of each running member, by trial."""
        sums = {member.trial: [0.0, 0.0] for member in self.running}
        targets = torch.from_numpy(self.val_images.targets).to(self.loader.device)
        for stack in self.stacks:
            features = self.features[stack.members[0].settings.pooling]["val"]
            totals, terms = stack.validation_losses(features, targets)
            sums.update({member.trial: [total, terms] for member, total in zip(stack.members, totals, strict=True)})
        for batch in self.plain_batches():
            for member in self.apart:
                summed, count = member.trainable.validation_loss(batch)
                sums[member.trial][0] += float(summed)
                sums[member.trial][1] += float(count)
        return {trial: total / terms for trial, (total, terms) in sums.items()}

    def plain_batches(self) -> Any:
        """Yield validation batches after the shared pass, in evaluation mode and without gradients."""
        self.cut(training=False)
        if not self.shared.cuts:
            return
        for member in self.apart:
            member.trainable.eval()
        self.validation.load_state_dict({"epoch": 0, "position": 0})
        with torch.no_grad(), self.autocast():
            for batch in self.validation:
                self.shared.look(batch)
                yield batch

    def lr(self, member: LockstepTrial) -> float:
        if member.trial in self.steppers:
            return float(self.steppers[member.trial].optimizer.param_groups[0]["lr"])
        return next(stack for stack in self.stacks if member in stack.members).lr(member)

    def drop_ended(self) -> None:
        for member in self.members:
            if member.status != "running":
                self.steppers.pop(member.trial, None) and self.scales.pop(member.trial)
        for stack in self.stacks:
            stack.drop_ended()
        self.stacks = [stack for stack in self.stacks if stack.members]

    def scores(self) -> NDArray[np.float32]:
        """Compute probabilities of the validation images with each member's best weights."""
        shape = len(self.members), *self.val_images.targets.shape
        found = np.full(shape, np.nan, dtype=np.float32)
        validated = [member.best is not None or member.loss_at_pause is not None for member in self.members]
        running = [(place, member) for place, member in enumerate(self.members) if validated[place]]
        for _, member in running:
            if member.best is not None:
                member.restore_best()
            member.trainable.eval()
        with torch.no_grad():
            for place, member in running:
                if member.settings.pooling in self.features and stackable(member):
                    known = self.features[member.settings.pooling]["val"]
                    found[place] = self.probabilities(member, known)
            apart = [(place, member) for place, member in running if not stackable(member)]
            self.shared.cuts = sorted({classifier_of(member).encoder.frozen_blocks for _, member in apart})
            if apart:
                self.validation.load_state_dict({"epoch": 0, "position": 0})
                for batch in self.validation:
                    with self.autocast():
                        self.shared.look(batch)
                        for place, member in apart:
                            trainable = member.trainable
                            assert isinstance(trainable, BehindSharedPass)
                            found[place, batch.rows] = self.probabilities(member, trainable.features())
        return found

    def probabilities(self, member: LockstepTrial, features: Tensor) -> NDArray[np.float32]:
        classifier = classifier_of(member)
        found: NDArray[np.float32] = (
            classifier.output_type.probabilities(classifier.score(features)).float().cpu().numpy()
        )
        return found

    def state(self) -> dict[str, Any]:
        optimizers = {member.trial: stack.optimizer for stack in self.stacks for member in stack.members}
        optimizers |= {trial: stepper.optimizer for trial, stepper in self.steppers.items()}
        scales = {trial: scale.state_dict() for trial, scale in self.scales.items()}
        return {
            "runs": self.prints,
            "epoch": self.epoch,
            "step": self.step,
            "lanes": [  # the key of earlier versions, whose interrupted sweeps can be resumed
                member.as_data(optimizers.get(member.trial), scales.get(member.trial, {})) for member in self.members
            ],
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
            for member in self.members:
                member.load(running[member.trial])
            self.epoch, self.step = state["epoch"], state["step"]
        self.drop_ended()
        self.arrange()
        if path.exists():
            optimizers: dict[int, torch.optim.Optimizer] = {
                member.trial: stack.optimizer for stack in self.stacks for member in stack.members
            }
            for member in self.members:
                data = running[member.trial]
                if member.status == "running":
                    stepper = self.steppers.get(member.trial)
                    optimizer = optimizers[member.trial] if stepper is None else stepper.optimizer
                    member.load_optimizer(optimizer, data["optimizer"])
                    if stepper is not None:
                        self.scales[member.trial].load_state_dict(data["scale"])

    def report(self) -> None:
        epochs = max(member.training.epochs for member in self.members)
        running = len(self.running)
        self.on_progress(
            self.epoch * len(self.batches) + self.step,
            epochs * len(self.batches),
            f"epoch {self.epoch + 1}/{epochs} · {running} of {len(self.members)} trials running",
        )
