"""Settings of fine-tuning."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from hilum.augment import Augmentation
from hilum.data.resampling import Resampling
from hilum.declared import Bounds, raise_problems, range_problems
from hilum.errors import HilumError
from hilum.training.settings import (
    Compile,
    Device,
    Epochs,
    Keep,
    LayerDecay,
    LearningRate,
    Optimizer,
    Patience,
    PlateauFactor,
    PlateauMinLr,
    PlateauPatience,
    Precision,
    Schedule,
    Seconds,
    StopBelowLr,
    TrainingSettings,
    WarmupEpochs,
    WeightDecay,
    Workers,
)

OutputTypeName = Literal["multilabel", "multilabel_u_multiclass", "multiclass"]
HeadName = Literal["linear", "mlp", "two_layers", "own", "attention"]
PoolingName = Literal["own", "cls", "mean", "cls_mean", "cls_last4", "cls_last4_mean", "gem", "attention"]
OF_LAST_BLOCKS = ("cls_last4", "cls_last4_mean")
"""Poolings of several blocks, for frozen encoders only."""
ClassWeights = Literal["balanced", "negatives_per_positive", "inverse_frequency", "class_frequency", "none"]
Reduction = Literal["mean", "weighted_mean"]
TTA = Literal["none", "flip", "ten_crop"]

Unfreeze = Annotated[int | Literal["all"], Bounds(ge=0)]
Steps = Annotated[int | None, Bounds(ge=1)]
BatchSize = Annotated[int, Bounds(ge=1)]
Validations = Annotated[int | None, Bounds(ge=1)]
HeadLearningRate = Annotated[float | None, Bounds(gt=0)]
EMA = Annotated[float | None, Bounds(gt=0, lt=1)]
Size = Annotated[int | None, Bounds(ge=16)]
MaxClassWeight = Annotated[float | None, Bounds(ge=1)]
Focal = Annotated[float | None, Bounds(ge=0)]
LabelSmoothing = Annotated[float, Bounds(ge=0, lt=1)]
Dropout = Annotated[float, Bounds(ge=0, lt=1)]
WarmupSteps = Annotated[int | None, Bounds(ge=0)]

WITH_OWN_HEAD = (
    "toh2023_cnn", "toh2023_resnet", "toh2023_densenet", "toh2023_unet_encoder", "toh2023_xvt", "densenet121"
)  # fmt: skip
"""Architectures with a classifier (`hilum.encoders.toh2023.OWN_CLASSIFIERS`)."""


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of `hilum.finetuning.finetune.finetune`.

    Args:
        unfreeze: Number of trained blocks from the end: 0 (head only) to all. With 0, augmentation `none` and a pooling
            without weights, features are computed once.
        epochs: Maximum length of the run in epochs, instead of `steps`.
        steps: Length of the run in optimiser steps, rounded up to whole epochs.
        batch_size: Maximum images a step.
        drop_last: Skip the images of an incomplete last batch in an epoch; otherwise batches are of even size.
        validations: Approximate number of validations, evenly over the epochs; null: after every epoch.
        keep: Epoch whose weights are scored: `lowest` validation loss, `last`, or highest macro AUROC on validation
            images (`best_auroc`).
        lr: Peak learning rate.
        head_lr: Peak learning rate of the head; null: as `lr`.
        weight_decay: Weight decay of weight matrices and kernels: decoupled with `adamw`, otherwise an L2 penalty.
        layer_decay: Layer-wise learning-rate decay factor; 1 disables it.
        ema: Decay of an exponential moving average (EMA) of the weights, which is then validated and scored.
        patience: Early stopping after this number of validations without a lower loss (with `best_auroc`, without a
            higher AUROC); null: never.
        augmentation: Augmentation of training images: a name, `none`, or ranges.
        size: Side of the network input in pixels; default: that of the stored images.
        resample: Oversample rare and undersample common classes (`hilum.data.resampling.Resampling`); only with
            output_type "multiclass". Class weights are those of the resampled images.
        class_weights: `negatives_per_positive`: weight of a finding's positives, negatives / positives of the training
            images; `inverse_frequency`: labels / positives; `class_frequency`: n / (C n_c) for each of C classes
            (multiclass); `balanced`: the first, or the third for multiclass; `none`.
        max_class_weight: Class weights are clipped to this and its inverse; null: not clipped.
        focal: Exponent of the focal loss (Lin et al., ICCV 2017), such as 2, instead of cross-entropy.
        label_smoothing: Label smoothing ε: y (1 - ε) + ε / 2; for C classes (multiclass) y (1 - ε) + ε / C.
        reduction: `weighted_mean` (multiclass): divide the loss by the images' class weights, as PyTorch, instead of by
            the number of images.
        output_type: "multilabel": independent findings; "multilabel_u_multiclass": with targets of 2 (uncertain) as a
            third class; "multiclass": exactly one finding an image (`hilum.finetuning.output_types`).
        dropout: Dropout before the head, and inside heads of several layers.
        head: `linear`; `mlp`: one hidden layer of 128 (Elwirehardja et al. 2025); `two_layers`: 512 and 128 (Gowtham et
            al. 2023); `own`: the classifier of the architecture; `attention`: attention over places with one query for
            each finding.
        pooling: Pooling of tokens or maps to one feature (`hilum.finetuning.pooling`); `own`: that of the encoder.
        tta: Test-time augmentation: mean over an image and its mirror image (`flip`), or over `ten_crop`.
        optimizer, warmup_epochs, precision, device, compile: See `TrainingSettings`.
        schedule, plateau_patience, plateau_factor, plateau_min_lr, stop_below_lr: See `TrainingSettings`.
        warmup_steps: Warm-up in steps, instead of `warmup_epochs`.
        workers: Number of threads that prepare batches; they do not change the result.
        checkpoint_every_seconds: Time between checkpoints, the maximum work lost by an interruption.

    Raises:
        HilumErrors: All values that are out of range or not compatible.
    """

    unfreeze: Unfreeze = "all"
    epochs: Epochs = 20
    steps: Steps = None
    batch_size: BatchSize = 32
    drop_last: bool = False
    validations: Validations = None
    keep: Keep = "lowest"
    lr: LearningRate = 1e-4
    head_lr: HeadLearningRate = None
    weight_decay: WeightDecay = 1e-4
    layer_decay: LayerDecay = 1.0
    ema: EMA = None
    patience: Patience = 5
    augmentation: str | Augmentation = "finetune"
    size: Size = None
    resample: Resampling | None = None
    class_weights: ClassWeights = "balanced"
    max_class_weight: MaxClassWeight = 100.0
    focal: Focal = None
    label_smoothing: LabelSmoothing = 0.0
    reduction: Reduction = "mean"
    output_type: OutputTypeName = "multilabel"
    dropout: Dropout = 0.0
    head: HeadName = "linear"
    pooling: PoolingName = "own"
    tta: TTA = "none"
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    plateau_patience: PlateauPatience = 3
    plateau_factor: PlateauFactor = 0.1
    plateau_min_lr: PlateauMinLr = 0.0
    stop_below_lr: StopBelowLr = None
    warmup_epochs: WarmupEpochs = 0.0
    warmup_steps: WarmupSteps = None
    precision: Precision = "auto"
    device: Device = "auto"
    compile: Compile = "auto"
    workers: Workers = 1
    checkpoint_every_seconds: Seconds = 30.0

    def __post_init__(self) -> None:
        raise_problems(setting_problems(vars(self)), "finetune")

    def batches_of(self, images: int) -> int:
        """Compute the optimiser steps of an epoch."""
        if self.drop_last and images >= self.batch_size:
            return images // self.batch_size
        return -(-images // self.batch_size)

    def epochs_of(self, images: int) -> int:
        """Compute the epochs of a run without early stopping."""
        return self.epochs if self.steps is None else -(-self.steps // self.batches_of(images))

    def training(self, seed: int, images: int) -> TrainingSettings:
        """Return the settings of the training loop.

        Args:
            seed: Random seed of the run.
            images: Number of training images, including copies.
        """
        epochs, warmup_epochs = self.epochs_of(images), self.warmup_epochs
        if self.warmup_steps is not None:
            warmup_epochs = min(self.warmup_steps / self.batches_of(images), epochs)
        shared = {each.name: getattr(self, each.name) for each in fields(TrainingSettings) if hasattr(self, each.name)}
        own = {
            "epochs": epochs,
            "validate_every": 1 if self.validations is None else max(1, epochs // self.validations),
            "warmup_epochs": warmup_epochs,
            "seed": seed,
        }
        return TrainingSettings(**shared | own)


def check_own_head(encoder: str) -> None:
    """Refuse an architecture without a classifier.

    Raises:
        HilumError: With the architectures that have one.
    """
    if encoder not in WITH_OWN_HEAD:
        raise HilumError(
            "finetune.head",
            expected=f"own with one of {', '.join(WITH_OWN_HEAD)}",
            found=f"own with {encoder}",
            fix="Use linear, mlp, two_layers or attention.",
        )


PLATEAU = {
    "factor": "plateau_factor",
    "patience": "plateau_patience",
    "min_lr": "plateau_min_lr",
    "stop_below_lr": "stop_below_lr",
}
"""Keys of `schedule: {plateau: …}` to settings."""


def plateau_settings(plateau: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `schedule: {plateau: …}` by name.

    Args:
        plateau: Values by the keys of `PLATEAU`.

    Example:
        >>> plateau_settings({"factor": 0.5})
        {'schedule': 'plateau', 'plateau_factor': 0.5}
    """
    return {"schedule": "plateau"} | {PLATEAU[key]: value for key, value in plateau.items()}


def setting_problems(values: Mapping[str, Any]) -> list[HilumError]:
    """Return all problems of settings by name; missing ones have their defaults."""
    defaults = {field.name: field.default for field in fields(FinetuneSettings)}
    problems = range_problems(FinetuneSettings, values, "finetune")
    wrong = {problem.where.removeprefix("finetune.") for problem in problems}
    right = {name: value for name, value in values.items() if name not in wrong}
    return [*problems, *_not_together(SimpleNamespace(**defaults | right))]


def _not_together(settings: Any) -> list[HilumError]:
    """Return problems of incompatible values."""
    multiclass = settings.output_type == "multiclass"
    wrong = (
        (
            "pooling",
            settings.pooling in OF_LAST_BLOCKS and settings.unfreeze != 0,
            "a pooling of the last block, or unfreeze: 0",
            f"{settings.pooling} with unfreeze {settings.unfreeze}",
        ),
        ("resample", settings.resample is not None and not multiclass, "output_type multiclass", settings.output_type),
        ("reduction", settings.reduction == "weighted_mean" and not multiclass, "mean",
         f"weighted_mean with {settings.output_type}"),
        ("class_weights", settings.class_weights == "class_frequency" and not multiclass,
         "negatives_per_positive, inverse_frequency or none", f"class_frequency with {settings.output_type}"),
        ("class_weights", settings.class_weights == "negatives_per_positive" and multiclass,
         "class_frequency, inverse_frequency or none", "negatives_per_positive with multiclass"),
        ("label_smoothing", settings.focal is not None and settings.label_smoothing > 0, "focal or label_smoothing",
         "both"),
        ("pooling", settings.head in ("own", "attention") and settings.pooling != "own", "own",
         f"{settings.pooling} with the {settings.head} head, which has its own pooling"),
        ("warmup_steps", settings.warmup_steps is not None and settings.warmup_epochs > 0,
         "warmup_steps or warmup_epochs", "both"),
        ("stop_below_lr", settings.stop_below_lr is not None and settings.schedule != "plateau",
         "schedule plateau, which lowers `lr`", settings.schedule),
    )  # fmt: skip
    return [
        HilumError(
            f"finetune.{key}",
            expected=expected,
            found=found,
            fix="Remove one of them." if found == "both" else f"Change `{key}`.",
        )
        for key, problem, expected, found in wrong
        if problem
    ]
