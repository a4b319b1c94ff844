"""A trial on its way: settings, weights of its own, and where it stands."""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hilum.finetuning.settings import FinetuneSettings
from hilum.training.settings import TrainingSettings
from hilum.training.state import TrainState
from hilum.training.trainable import Trainable

TrialStatus = Literal["running", "finished", "stopped_early", "diverged", "pruned"]
"""How a trial ended: after all its epochs; for want of a lower validation loss; with a loss that is not finite; because
others were better when it paused (`hilum.finetuning.trials.halving`)."""


@dataclass
class Lane:
    """One trial that trains in lockstep with others.

    Attributes:
        trial: its place among the trials.
        settings, training: of the trial.
        trainable: knows the trial's loss and holds its weights; what others hold, too, is shared and frozen.
        own: keys of its `state_dict` that belong to this trial alone.
        train_state: where it is.
        best: its own weights of the epoch that is kept (`TrainingSettings.keep`), on the CPU.
        status: whether and how it has ended.
        ended_at: (epoch, step) of a loss that was not finite, counted from 1; step 0 for the validation of an epoch.
        seconds: its share of the time that it trained in, divided equally among the trials at that time.
        loss_at_pause: validation loss where it paused before its first validation; the trial does not depend on it.
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
        """Those that train."""
        return [parameter for parameter in self.trainable.parameters() if parameter.requires_grad]

    def keep(self) -> None:
        """Remember its weights as they are now."""
        state = self.trainable.state_dict()
        self.best = {key: state[key].detach().to("cpu", copy=True) for key in self.own}

    def go_back_to_best(self) -> None:
        """Take the weights that were remembered."""
        assert self.best is not None
        self._take(self.best)

    def diverge(self, epoch: int, step: int) -> None:
        """End with a loss that is not finite."""
        self.status, self.ended_at = "diverged", (epoch, step)

    @property
    def steps(self) -> int:
        """That it took so far."""
        before = self.train_state.curves[-1]["step"] if self.train_state.curves else 0
        return int(before or 0) + self.train_state.step

    def is_validated(self, epoch: int) -> bool:
        """Whether this epoch, from 1, ends with a validation."""
        return epoch % self.training.validate_every == 0 or epoch == self.training.epochs

    def finish_epoch(self, loss: float | None, lr: float, steps_per_epoch: int) -> None:
        """Take the validation loss of an epoch, as `hilum.training.fit` does: best weights, plateau, patience.

        Args:
            loss: finite; None where no validation was due.
            lr: of the first parameter group at the epoch's last step.
            steps_per_epoch: of the run.
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
        """Tensors and plain values for a checkpoint; no weights but the best ones where the trial has ended.

        Args:
            optimizer: that holds the state of this trial's parameters; None where the trial has ended.
            scale: of the loss, where the precision has one.
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
        """Go back to where `as_data` was called, but for the optimiser."""
        self.train_state, self.best, self.status = TrainState.from_data(data["course"]), data["best"], data["status"]
        self.seconds = data["seconds"]
        self.ended_at = None if data["ended_at"] is None else tuple(data["ended_at"])
        if "weights" in data:
            self._take(data["weights"])

    def load_optimizer(self, optimizer: torch.optim.Optimizer, states: list[dict[str, Any]]) -> None:
        """Give an optimiser the state of this trial's parameters."""
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
