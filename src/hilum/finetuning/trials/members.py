"""State of a trial in lockstep: settings, own weights and progress."""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hilum.finetuning.settings import FinetuneSettings
from hilum.training.settings import TrainingSettings
from hilum.training.state import TrainState
from hilum.training.trainable import Trainable

TrialStatus = Literal["running", "finished", "stopped_early", "diverged", "pruned"]
"""State of a trial: running, all epochs finished, early stopping, non-finite loss, or pruned by successive halving."""


@dataclass
class LockstepTrial:
    """One trial that trains in lockstep with others.

    Attributes:
        trial: Number of the trial.
        settings, training: Settings of the trial.
        trainable: Model with the trial's loss; frozen weights are shared with other trials.
        own: Keys of its `state_dict` that belong to this trial alone.
        train_state: Progress of the training.
        best: Own weights of the selected epoch (`TrainingSettings.keep`), on the CPU.
        status: State of the trial.
        ended_at: (epoch, step) of a non-finite loss, counted from 1; step 0 for the validation of an epoch.
        seconds: Training time, divided equally among the trials running at that time.
        loss_at_pause: Validation loss at a pause before the first validation; it does not affect the trial.
    """

    trial: int
    settings: FinetuneSettings
    training: TrainingSettings
    trainable: Trainable
    own: list[str]
    train_state: TrainState = field(default_factory=TrainState)
    best: dict[str, Tensor] | None = None
    status: TrialStatus = "running"
    ended_at: tuple[int, int] | None = None
    seconds: float = 0.0
    loss_at_pause: float | None = None

    @property
    def parameters(self) -> list[nn.Parameter]:
        """Trainable parameters."""
        return [parameter for parameter in self.trainable.parameters() if parameter.requires_grad]

    def keep(self) -> None:
        """Store the current weights as the best ones."""
        state = self.trainable.state_dict()
        self.best = {key: state[key].detach().to("cpu", copy=True) for key in self.own}

    def restore_best(self) -> None:
        """Restore the best weights."""
        assert self.best is not None
        self._take(self.best)

    def diverge(self, epoch: int, step: int) -> None:
        """End with a non-finite loss."""
        self.status, self.ended_at = "diverged", (epoch, step)

    @property
    def steps(self) -> int:
        """Optimiser steps so far."""
        before = self.train_state.curves[-1]["step"] if self.train_state.curves else 0
        return int(before or 0) + self.train_state.step

    def is_validated(self, epoch: int) -> bool:
        """Return True where this epoch, from 1, ends with a validation."""
        return epoch % self.training.validate_every == 0 or epoch == self.training.epochs

    def finish_epoch(self, loss: float | None, lr: float, steps_per_epoch: int) -> None:
        """Update best weights, plateau and patience after an epoch, as `hilum.training.fit`.

        Args:
            loss: Validation loss, finite; None without validation.
            lr: Learning rate of the first parameter group at the last step of the epoch.
            steps_per_epoch: Steps of an epoch.
        """
        train_state = self.train_state
        train_state.next_epoch(
            {
                "epoch": train_state.epoch + 1,
                "step": (train_state.epoch + 1) * steps_per_epoch,
                "train_loss": train_state.loss_sum / train_state.images,
                "val_loss": loss,
                "lr": lr,
            }
        )
        if loss is not None and train_state.record_validation(loss, None, self.training):
            self.keep()
        if train_state.stopped_early:
            self.status = "stopped_early"
        elif train_state.epoch == self.training.epochs:
            self.status = "finished"

    def as_data(self, optimizer: torch.optim.Optimizer | None, scale: dict[str, Any]) -> dict[str, Any]:
        """Return tensors and plain values for a checkpoint; of an ended trial the best weights only.

        Args:
            optimizer: Optimiser with the state of this trial's parameters; None where the trial has ended.
            scale: Loss scale of the precision, if any.
        """
        data: dict[str, Any] = {
            "trial": self.trial,
            "course": self.train_state.as_data(),
            "best": self.best,
            "status": self.status,
            "ended_at": self.ended_at,
            "seconds": self.seconds,
        }
        if optimizer is not None:
            state = self.trainable.state_dict()
            data["weights"] = {key: state[key] for key in self.own}
            data["optimizer"] = [dict(optimizer.state.get(parameter, {})) for parameter in self.parameters]
            data["scale"] = scale
        return data

    def load(self, data: dict[str, Any]) -> None:
        """Restore the state of `as_data`, except the optimiser."""
        self.train_state, self.best, self.status = TrainState.from_data(data["course"]), data["best"], data["status"]
        self.seconds = data["seconds"]
        self.ended_at = None if data["ended_at"] is None else tuple(data["ended_at"])
        if "weights" in data:
            self._take(data["weights"])

    def load_optimizer(self, optimizer: torch.optim.Optimizer, states: list[dict[str, Any]]) -> None:
        """Load the state of this trial's parameters into an optimiser."""
        for parameter, state in zip(self.parameters, states, strict=True):
            if state:
                optimizer.state[parameter] = {
                    key: value.to(parameter.device) if isinstance(value, Tensor) and value.ndim else value
                    for key, value in state.items()
                }

    def _take(self, weights: dict[str, Tensor]) -> None:
        state = self.trainable.state_dict()
        with torch.no_grad():
            for key, value in weights.items():
                state[key].copy_(value)
