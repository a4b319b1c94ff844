"""Settings of a training run: length, optimiser, learning rate, precision, device."""

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
"""Settings that do not affect results, or only rounding."""
KeepProbed = Literal["last", "best_probe", "within_one_error", "smoothed_probe"]
"""Rule for the exported epoch of a probed run: the last epoch; the highest probe (earliest if equal); the latest probe
at most one standard error below the highest (one-standard-error rule, Breiman et al., Classification and Regression
Trees, 1984, section 3.4.3); the last of three consecutive probes with the highest mean. Compared on independent
patients by benchmarks/epoch_rules.py."""


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one run of `hilum.training.fit.fit`. Batch size and workers are settings of `Batches`.

    Args:
        epochs: Passes over the images, at most.
        lr: Peak learning rate.
        weight_decay: Weight decay of parameters with two or more dimensions (see `Trainable.parameter_groups`).
        weight_decay_end: Weight decay at the end of a cosine schedule; null: constant.
        optimizer: "sgd" and "lars" use momentum 0.9. LARS needs about a hundred times the learning rate of SGD.
        layer_decay: Layer-wise learning-rate decay: learning rate of a block relative to the next deeper one; 1: none.
        warmup_epochs: Epochs of linear warm-up (fractions allowed).
        schedule: After the warm-up, "cosine" decays to zero at the last step (Loshchilov & Hutter, ICLR 2017, eq. 5,
            without restarts); "plateau" multiplies by `plateau_factor` after more than `plateau_patience` validations
            without a lower loss, never below `plateau_min_lr` (torch's ReduceLROnPlateau); "constant".
        stop_below_lr: With "plateau", end the run once `lr` is reduced below this; None never.
        keep: Exported epoch of a run with validation: "lowest" validation loss, "last", or highest macro AUROC of the
            validation images ("best_auroc").
        clip_grad_norm: Maximum norm of the gradients (gradient clipping); null: no clipping.
        gradient_accumulation_steps: Gradient accumulation: parts in which a batch is computed to save memory; refused
            if the loss or batch norm needs the whole batch.
        freeze_encoder_steps: Steps at the start in which the encoder is frozen (no gradients, batch norm in evaluation
            mode), for randomly initialised heads on pretrained encoders.
        activation_checkpointing: Recompute activations in the backward pass (gradient checkpointing): less memory, a
            third more time, identical results; refused with batch norm.
        validate_every: Epochs between validations; the last epoch is always validated.
        patience: Early stopping after this many validations without a lower loss (with `keep` "best_auroc", without a
            higher AUROC); None never.
        precision: `auto`: bf16 with hardware support, otherwise fp32. `fp16`, with loss scaling, needs a GPU.
        device: auto (a GPU if available), cpu or cuda.
        compile: `auto`: compile blocks with torch.compile if measured to be faster on a GPU, never on a CPU; `on`;
            `off`. Results differ by rounding only.
        seed: Random seed of dropout; the order of batches and the views have their own.
        checkpoint_every_seconds: Maximum work lost at an interruption, in s. Checkpoints are not tied to epochs, since
            one per epoch would slow short epochs by a tenth.
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
        """Return all settings that affect the result, for provenance and fingerprints."""
        return {name: value for name, value in asdict(self).items() if name not in INDIFFERENT}


def _require(right: bool, field: str, expected: str, found: object) -> None:
    if not right:
        raise HilumError(f"training.{field}", expected=expected, found=str(found), fix=f"Change `{field}`.")
