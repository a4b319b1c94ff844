"""How an encoder is trained with labels."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import Any, Literal, get_args

from hilum.augment import ViewPolicy
from hilum.data.resampling import Resampling
from hilum.errors import HilumError, HilumErrors
from hilum.training.settings import Compile, Device, Keep, Optimizer, Precision, Schedule, TrainingSettings

AnswerName = Literal["each", "each_or_uncertain", "exclusive"]
HeadName = Literal["linear", "mlp", "two_layers", "own", "attention"]
PoolingName = Literal["own", "cls", "mean", "cls_mean", "cls_last4", "cls_last4_mean", "gem", "attention"]
OF_LAST_BLOCKS = ("cls_last4", "cls_last4_mean")
"""Poolings that read several blocks, of a frozen encoder only."""
ClassWeights = Literal["balanced", "negatives_per_positive", "inverse_frequency", "class_frequency", "none"]
Reduction = Literal["mean", "weighted_mean"]
TTA = Literal["none", "flip", "ten_crop"]
WITH_OWN_HEAD = (
    "toh2023_cnn", "toh2023_resnet", "toh2023_densenet", "toh2023_unet_encoder", "toh2023_xvt", "densenet121"
)  # fmt: skip
"""Architectures that came with a classifier (`hilum.encoders.toh2023.OWN_CLASSIFIERS`)."""


@dataclass(frozen=True)
class FinetuneSettings:
    """Settings of `hilum.finetuning.finetune.finetune`.

    Args:
        unfreeze: how many blocks train, counted from the end; 0 trains the head alone, "all" everything. With 0,
            policy "none" and a pooling without weights the features of each image are computed once.
        epochs: at most this many.
        steps: a budget of optimiser steps instead of epochs: as many whole epochs as it takes to reach it. What a
            network learns goes with its steps; an epoch of 14 images is one of them, an epoch of 100,000 is 3,000.
        batch_size: images a step, at most.
        drop_last: images that do not fill the last batch wait for another epoch; otherwise batches are of even size
            (`hilum.finetuning.data_loader.Feed.training`).
        validations: about how many times a run is validated, evenly over its epochs; None: after every epoch.
        keep: the weights of which epoch are scored: of the "lowest" validation loss, the "last", or that of the highest
            macro AUROC of the validation images ("best_auroc").
        lr: peak learning rate of the encoder.
        head_lr: peak learning rate of the head; None: as `lr`.
        weight_decay: on matrices and kernels. Decoupled with "adamw"; with "adam", "sgd" and "lars" an L2 penalty,
            whose gradient is added to that of the loss.
        layer_decay: learning rate of a block of the encoder by that of the block behind it; 1 for all the same
            (`hilum.training.param_groups.encoder_groups`).
        ema: decay of an exponential moving average of the weights, such as 0.999: the average is validated and kept
            (`hilum.finetuning.weight_averaging`). None: the weights themselves.
        patience: stop after this many validations without a lower loss (with keep "best_auroc", without a higher
            AUROC); None never stops early.
        policy: random views, by name (`hilum.augment.POLICIES`) or a policy; "none" for none.
        size: side of the views in px; None: as in the store.
        resample: give rare classes more training images and common ones fewer (`hilum.data.resampling.Resampling`);
            only with answer "exclusive". Class weights are those of the resampled images.
        class_weights: of the loss. "negatives_per_positive": the positives of each finding count negatives / positives
            of the training images; "inverse_frequency": known labels / positives; "class_frequency": each of C
            exclusive classes counts images / (C x images of the class); "balanced": the first, and the third for
            exclusive classes; "none": all 1.
        max_class_weight: bounds these weights, and their inverse; at least 1. None: no bounds.
        focal: γ of the focal loss (Lin et al., ICCV 2017) in place of cross-entropy; None for cross-entropy.
        label_smoothing: ε, 0 to below 1: labels are y (1 - ε) + ε / 2, of C exclusive classes y (1 - ε) + ε / C.
        reduction: "mean" over labels (of exclusive classes, over images); "weighted_mean", of exclusive classes alone,
            divides by the sum of the images' class weights, as `torch.nn.CrossEntropyLoss` does.
        answer: "each": findings are there or not, each by itself; "each_or_uncertain": with targets of 2 as a third
            class; "exclusive": an image has exactly one of them (`hilum.finetuning.output_types`).
        dropout: before the head and inside it, 0 to 1.
        head: "linear", "mlp", "two_layers", "own" or "attention" (`hilum.finetuning.heads.make_head`).
        pooling: "own", the encoder's, or "cls", "mean", "cls_mean", "gem", "attention" (`hilum.finetuning.pooling`).
        tta: test-time augmentation: scores are the mean over an image and its mirror image ("flip"), or over ten crops
            (`hilum.augment.views_to_average`).
        optimizer, warmup_epochs, precision, device, compile: see `TrainingSettings`.
        schedule, plateau_patience, plateau_factor, plateau_min_lr, stop_below_lr: see `TrainingSettings`.
        warmup_steps: in place of `warmup_epochs`.
        workers: threads that prepare batches; they do not change the result.
        checkpoint_every_seconds: a killed run loses at most about this much work.

    Raises:
        HilumErrors: what is out of range or does not go together, all at once.
    """

    unfreeze: int | Literal["all"] = "all"
    epochs: int = 20
    steps: int | None = None
    batch_size: int = 32
    drop_last: bool = False
    validations: int | None = None
    keep: Keep = "lowest"
    lr: float = 1e-4
    head_lr: float | None = None
    weight_decay: float = 1e-4
    layer_decay: float = 1.0
    ema: float | None = None
    patience: int | None = 5
    policy: str | ViewPolicy = "finetune"
    size: int | None = None
    resample: Resampling | None = None
    class_weights: ClassWeights = "balanced"
    max_class_weight: float | None = 100.0
    focal: float | None = None
    label_smoothing: float = 0.0
    reduction: Reduction = "mean"
    answer: AnswerName = "each"
    dropout: float = 0.0
    head: HeadName = "linear"
    pooling: PoolingName = "own"
    tta: TTA = "none"
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    plateau_patience: int = 3
    plateau_factor: float = 0.1
    plateau_min_lr: float = 0.0
    stop_below_lr: float | None = None
    warmup_epochs: float = 0.0
    warmup_steps: int | None = None
    precision: Precision = "auto"
    device: Device = "auto"
    compile: Compile = "auto"
    workers: int = 1
    checkpoint_every_seconds: float = 30.0

    def __post_init__(self) -> None:
        problems = setting_problems(vars(self))
        if len(problems) == 1:
            raise problems[0]
        if problems:
            raise HilumErrors("finetune", [str(problem) for problem in problems], fix="change them")

    def batches_of(self, images: int) -> int:
        """Optimiser steps of an epoch of so many images."""
        if self.drop_last and images >= self.batch_size:
            return images // self.batch_size
        return -(-images // self.batch_size)

    def epochs_of(self, images: int) -> int:
        """Epochs of a run over so many images, if it does not stop early."""
        return self.epochs if self.steps is None else -(-self.steps // self.batches_of(images))

    def training(self, seed: int, images: int) -> TrainingSettings:
        """The settings of the loop.

        Args:
            seed: of the run.
            images: that it learns from, copies counted.
        """
        epochs = self.epochs_of(images)
        return TrainingSettings(
            epochs=epochs,
            validate_every=1 if self.validations is None else max(1, epochs // self.validations),
            lr=self.lr,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            warmup_epochs=self.warmup_epochs
            if self.warmup_steps is None
            else min(self.warmup_steps / self.batches_of(images), epochs),
            schedule=self.schedule,
            plateau_patience=self.plateau_patience,
            plateau_factor=self.plateau_factor,
            plateau_min_lr=self.plateau_min_lr,
            stop_below_lr=self.stop_below_lr,
            layer_decay=self.layer_decay,
            keep=self.keep,
            patience=self.patience,
            precision=self.precision,
            device=self.device,
            compile=self.compile,
            seed=seed,
            checkpoint_every_seconds=self.checkpoint_every_seconds,
        )


def check_own_head(encoder: str) -> None:
    """Refuse an architecture that came without a classifier.

    Raises:
        HilumError: says which have one.
    """
    if encoder not in WITH_OWN_HEAD:
        raise HilumError(
            "finetune.head",
            expected=f"own with one of {', '.join(WITH_OWN_HEAD)}",
            found=f"own with {encoder}",
            fix="Use linear, mlp, two_layers or attention.",
        )


def setting_problems(values: Mapping[str, Any]) -> list[HilumError]:
    """What is wrong with settings by name, all at once; defaults for those that are left out."""
    defaults = {field.name: field.default for field in fields(FinetuneSettings)}
    settings: Any = SimpleNamespace(**defaults | dict(values))
    return [*_out_of_range(settings), *_not_together(settings)]


def _out_of_range(settings: FinetuneSettings) -> list[HilumError]:
    """Single values that are refused."""
    unfreeze = settings.unfreeze
    ranges = (
        ("unfreeze", unfreeze == "all" or _is_whole(unfreeze, 0), "0 or more blocks, or all"),
        ("lr", settings.lr > 0, "above 0"),
        ("head_lr", settings.head_lr is None or settings.head_lr > 0, "above 0, or none"),
        ("weight_decay", settings.weight_decay >= 0, "0 or more"),
        ("layer_decay", 0 < settings.layer_decay <= 1, "above 0, at most 1"),
        ("ema", settings.ema is None or 0 < settings.ema < 1, "above 0, below 1; or none"),
        ("dropout", 0 <= settings.dropout < 1, "0 to below 1"),
        ("batch_size", settings.batch_size >= 1, "1 or more"),
        ("steps", settings.steps is None or settings.steps >= 1, "1 or more"),
        ("validations", settings.validations is None or settings.validations >= 1, "1 or more"),
        ("max_class_weight", settings.max_class_weight is None or settings.max_class_weight >= 1, "1 or more, or none"),
        ("focal", settings.focal is None or settings.focal >= 0, "0 or more, or none"),
        ("label_smoothing", 0 <= settings.label_smoothing < 1, "0 to below 1"),
        ("warmup_steps", settings.warmup_steps is None or settings.warmup_steps >= 0, "0 or more"),
    )
    names = (
        ("head", HeadName),
        ("pooling", PoolingName),
        ("answer", AnswerName),
        ("class_weights", ClassWeights),
        ("reduction", Reduction),
        ("tta", TTA),
        ("keep", Keep),
    )
    problems = [
        HilumError(f"finetune.{key}", expected=wanted, found=str(getattr(settings, key)), fix="Change it.")
        for key, right, wanted in ranges
        if not right
    ]
    for key, names_of in names:
        known = get_args(names_of)
        if (found := getattr(settings, key)) not in known:
            expected = f"one of {', '.join(known)}"
            problems.append(
                HilumError(f"finetune.{key}", expected=expected, found=str(found), fix="Choose one of these.")
            )
    return problems


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _not_together(settings: FinetuneSettings) -> list[HilumError]:
    """Values that do not go together."""
    exclusive = settings.answer == "exclusive"
    wrong = (
        (
            "pooling",
            settings.pooling in OF_LAST_BLOCKS and settings.unfreeze != 0,
            "a pooling of the last block, or unfreeze: 0",
            f"{settings.pooling} with unfreeze {settings.unfreeze}",
        ),
        ("resample", settings.resample is not None and not exclusive, "exclusive classes", "findings of their own"),
        ("reduction", settings.reduction == "weighted_mean" and not exclusive, "mean", "findings of their own"),
        ("class_weights", settings.class_weights == "class_frequency" and not exclusive,
         "negatives_per_positive, inverse_frequency or none", "class_frequency of findings of their own"),
        ("class_weights", settings.class_weights == "negatives_per_positive" and exclusive,
         "class_frequency, inverse_frequency or none", "negatives_per_positive of exclusive classes"),
        ("label_smoothing", settings.focal is not None and settings.label_smoothing > 0, "focal or label_smoothing",
         "both"),
        ("pooling", settings.head in ("own", "attention") and settings.pooling != "own", "own",
         f"{settings.pooling} before the {settings.head} head, which pools by itself"),
        ("warmup_steps", settings.warmup_steps is not None and settings.warmup_epochs > 0,
         "warmup_steps or warmup_epochs", "both"),
        ("stop_below_lr", settings.stop_below_lr is not None and settings.schedule != "plateau",
         "schedule plateau, which lowers `lr`", settings.schedule),
    )  # fmt: skip
    return [
        HilumError(f"finetune.{key}", expected=expected, found=found, fix=f"Change `{key}`.")
        for key, problem, expected, found in wrong
        if problem
    ]
