"""Settings of a training run: length, optimiser, learning rate, precision, device."""

from dataclasses import asdict, dataclass
from operator import le, lt
from typing import Annotated, Any, Literal

from hilum.declared import Bounds, raise_problems, range_problems
from hilum.errors import HilumError

Optimizer = Literal["adamw", "adam", "sgd", "lars"]
Schedule = Literal["cosine", "constant", "plateau"]
Precision = Literal["auto", "bf16", "fp16", "fp32"]
Device = Literal["auto", "cpu", "cuda"]
Keep = Literal["lowest", "last", "best_auroc"]
Compile = Literal["auto", "on", "off"]

Epochs = Annotated[int, Bounds(ge=1)]
LearningRate = Annotated[float, Bounds(gt=0)]
WeightDecay = Annotated[float, Bounds(ge=0)]
WeightDecayEnd = Annotated[float | None, Bounds(ge=0)]
LayerDecay = Annotated[float, Bounds(gt=0, le=1)]
WarmupEpochs = Annotated[float, Bounds(ge=0)]
PlateauPatience = Annotated[int, Bounds(ge=0)]
PlateauFactor = Annotated[float, Bounds(gt=0, lt=1)]
PlateauMinLr = Annotated[float, Bounds(ge=0)]
StopBelowLr = Annotated[float | None, Bounds(gt=0)]
ClipGradNorm = Annotated[float | None, Bounds(gt=0)]
GradientAccumulationSteps = Annotated[int, Bounds(ge=1)]
FreezeEncoderSteps = Annotated[int, Bounds(ge=0)]
Patience = Annotated[int | None, Bounds(ge=1)]
Workers = Annotated[int, Bounds(ge=0)]
Seconds = Annotated[float, Bounds(ge=0)]

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

    epochs: Epochs
    lr: LearningRate
    weight_decay: WeightDecay = 0.0
    weight_decay_end: WeightDecayEnd = None
    optimizer: Optimizer = "adamw"
    warmup_epochs: WarmupEpochs = 0.0
    schedule: Schedule = "cosine"
    plateau_patience: PlateauPatience = 3
    plateau_factor: PlateauFactor = 0.1
    plateau_min_lr: PlateauMinLr = 0.0
    stop_below_lr: StopBelowLr = None
    keep: Keep = "lowest"
    layer_decay: LayerDecay = 1.0
    clip_grad_norm: ClipGradNorm = None
    gradient_accumulation_steps: GradientAccumulationSteps = 1
    freeze_encoder_steps: FreezeEncoderSteps = 0
    activation_checkpointing: bool = False
    validate_every: Annotated[int, Bounds(ge=1)] = 1
    patience: Patience = None
    precision: Precision = "auto"
    device: Device = "auto"
    compile: Compile = "auto"
    seed: int = 0
    checkpoint_every_seconds: Seconds = 30.0

    def __post_init__(self) -> None:
        problems = range_problems(type(self), vars(self), "training")
        wrong = {problem.where.removeprefix("training.") for problem in problems}
        for name, compare, limit, expected in (
            ("plateau_min_lr", lt, "lr", f"below `lr`, {self.lr}"),
            ("stop_below_lr", lt, "lr", f"below `lr`, {self.lr}, or null"),
            ("warmup_epochs", le, "epochs", f"at most `epochs`, {self.epochs}"),
        ):
            value, most = getattr(self, name), getattr(self, limit)
            if not wrong & {name, limit} and value is not None and not compare(value, most):
                problems.append(_problem(name, expected, value))
        if self.stop_below_lr is not None and self.schedule != "plateau":
            problems.append(_problem("stop_below_lr", "a plateau, which lowers `lr`", self.schedule))
        raise_problems(problems, "training")

    def as_data(self) -> dict[str, Any]:
        """Return all settings that affect the result, for provenance and fingerprints."""
        return {name: value for name, value in asdict(self).items() if name not in INDIFFERENT}


def _problem(field: str, expected: str, found: object) -> HilumError:
    return HilumError(f"training.{field}", expected=expected, found=str(found), fix=f"Change `{field}`.")
