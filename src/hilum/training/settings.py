"""How a training run goes: its length, its optimiser, its learning rate, its hardware."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from hilum.errors import HilumError

Optimizer = Literal["adamw", "adam", "sgd", "lars"]
Schedule = Literal["cosine", "constant", "plateau"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Device = Literal["auto", "cpu", "cuda"]
Keep = Literal["lowest", "last", "best_auroc"]
Compile = Literal["auto", "on", "off"]


INDIFFERENT = ("checkpoint_every_seconds", "compile")
"""Settings that decide no result, or rounding only."""
KeepProbed = Literal["last", "best_probe", "within_one_error", "smoothed_probe"]
"""Whose weights a probed run keeps: of the last epoch; of the highest probe, of equal ones the earlier; of the latest
probe that is at most one standard error below the highest (Breiman et al., Classification and Regression Trees, 1984,
section 3.4.3); of the last of three probes with the highest mean. What choosing costs or gains on patients without a
part in it is measured by benchmarks/epoch_rules.py."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one run of `hilum.training.fit.fit`. Batch size and workers belong to the `Batches` it is given.

    Args:
        epochs: Passes over the images, at most.
        lr: peak learning rate.
        weight_decay: on weights of two or more dimensions only (see `Trainable.parameter_groups`).
        weight_decay_end: The weight decay moves there along half a cosine; null: it stays.
        optimizer: "sgd" and "lars" have momentum 0.9. For LARS see `hilum.training.optim.lars`; with its steps measured
            by the weights, a learning rate is about a hundred times that of plain descent.
        layer_decay: Learning rate of a block of the encoder by that of the block behind it; 1: the same for all.
        warmup_epochs: the learning rate rises linearly, step by step, over this many epochs (fractions allowed).
        schedule: after the warm-up, "cosine" falls to zero at the last step (Loshchilov & Hutter, ICLR 2017, eq. 5,
            without restarts); "plateau" multiplies by `plateau_factor` after more than `plateau_patience` validations
            without a lower loss, never below `plateau_min_lr` (torch's ReduceLROnPlateau); "constant" stays.
        stop_below_lr: of "plateau": end the run once `lr` has been reduced below this; None never.
        keep: whose weights are kept where there are validation images: of the epoch of the lowest validation loss, of
            the last epoch, or of the highest macro AUROC of the validation images ("best_auroc").
        clip_grad_norm: Gradients are scaled to at most this norm; null leaves them.
        gradient_accumulation_steps: Parts that a batch is computed in, to save memory; refused where the loss or batch
            norm needs the whole batch.
        freeze_encoder_steps: for so many steps at the start, what is not the encoder trains alone: the encoder has no
            gradients and its batch norm is in evaluation mode. For heads that start at random in front of an encoder
            that does not.
        activation_checkpointing: Compute activations again for the backward pass: less memory, a third more time, the
            same bits; refused where there is batch norm.
        validate_every: epochs from one validation to the next; the last epoch always ends with one.
        patience: stop after this many validations without a lower loss (with `keep` "best_auroc", without a higher
            AUROC); None never stops early.
        precision: `auto`: bf16 where the hardware multiplies in it, fp32 elsewhere. `fp16`, with a scaled loss, needs a
            GPU.
        device: auto (the GPU where there is one), cpu or cuda.
        compile: `auto`: blocks run compiled where that was measured to pay on a GPU, and never on a CPU; `on`; `off`.
            It moves results by rounding only.
        seed: of dropout; the order of batches and the views have their own.
        checkpoint_every_seconds: a killed run loses at most about this much work. The end of an epoch is nothing
            special: a checkpoint holds the place inside one, and one an epoch would cost short epochs a tenth of their
            time.
    """

    epochs: int
    lr: float
    weight_decay: float = 0.0
    weight_decay_end: float | None = None
    optimizer: Optimizer = "adamw"
    warmup_epochs: float = 0.0
    schedule: Schedule = "cosine"
    plateau_patience: int = 3
    plateau_factor: float = 0.1
    plateau_min_lr: float = 0.0
    stop_below_lr: float | None = None
    keep: Keep = "lowest"
    layer_decay: float = 1.0
    clip_grad_norm: float | None = None
    gradient_accumulation_steps: int = 1
    freeze_encoder_steps: int = 0
    activation_checkpointing: bool = False
    validate_every: int = 1
    patience: int | None = None
    precision: Precision = "auto"
    device: Device = "auto"
    compile: Compile = "auto"
    seed: int = 0
    checkpoint_every_seconds: float = 30.0

    def __post_init__(self) -> None:
        _require(self.epochs >= 1, "epochs", "at least 1", self.epochs)
        _require(self.lr > 0, "lr", "a positive number", self.lr)
        _require(0 < self.plateau_factor < 1, "plateau_factor", "above 0, below 1", self.plateau_factor)
        _require(self.plateau_patience >= 0, "plateau_patience", "zero or more", self.plateau_patience)
        _require(0 <= self.plateau_min_lr < self.lr, "plateau_min_lr", "zero or more, below `lr`", self.plateau_min_lr)
        floor = self.stop_below_lr
        _require(floor is None or 0 < floor < self.lr, "stop_below_lr", "above 0, below `lr`; or none", floor)
        _require(
            floor is None or self.schedule == "plateau", "stop_below_lr", "a plateau, which lowers `lr`", self.schedule
        )
        _require(self.weight_decay >= 0, "weight_decay", "zero or more", self.weight_decay)
        last = self.weight_decay_end
        _require(last is None or last >= 0, "weight_decay_end", "zero or more, or none", last)
        _require(0 < self.layer_decay <= 1, "layer_decay", "above 0, at most 1", self.layer_decay)
        _require(
            self.gradient_accumulation_steps >= 1,
            "gradient_accumulation_steps",
            "at least 1",
            self.gradient_accumulation_steps,
        )
        _require(self.freeze_encoder_steps >= 0, "freeze_encoder_steps", "zero or more", self.freeze_encoder_steps)
        _require(0 <= self.warmup_epochs <= self.epochs, "warmup_epochs", f"0 to {self.epochs}", self.warmup_epochs)
        _require(
            self.clip_grad_norm is None or self.clip_grad_norm > 0,
            "clip_grad_norm",
            "a positive number",
            self.clip_grad_norm,
        )
        _require(self.validate_every >= 1, "validate_every", "at least 1", self.validate_every)
        _require(self.patience is None or self.patience >= 1, "patience", "at least 1, or none", self.patience)
        for name, allowed in (
            ("optimizer", Optimizer),
            ("schedule", Schedule),
            ("keep", Keep),
            ("precision", Precision),
            ("device", Device),
            ("compile", Compile),
        ):
            choices = get_args(allowed)
            _require(getattr(self, name) in choices, name, f"one of {', '.join(choices)}", getattr(self, name))

    def as_data(self) -> dict[str, Any]:
        """Everything that decides the result, for provenance and for telling runs apart."""
        return {name: value for name, value in asdict(self).items() if name not in INDIFFERENT}


def _require(right: bool, field: str, expected: str, found: object) -> None:
    if not right:
        raise HilumError(f"training.{field}", expected=expected, found=str(found), fix=f"Change `{field}`.")
