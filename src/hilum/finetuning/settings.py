"""How an encoder is trained with labels."""

from dataclasses import dataclass
from typing import Literal, get_args

from hilum.augment import ViewPolicy
from hilum.errors import HilumError
from hilum.training.settings import Device, Optimizer, Precision, Schedule, TrainingSettings

AnswerName = Literal["each", "each_or_uncertain", "exclusive"]
HeadName = Literal["linear", "mlp", "two_layers"]
PoolingName = Literal["own", "cls", "mean", "cls_mean", "cls_last4", "cls_last4_mean", "gem", "attention"]
OF_LAST_BLOCKS = ("cls_last4", "cls_last4_mean")
"""Poolings that read several blocks, of a frozen encoder only."""


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
        lr: peak learning rate of the encoder.
        head_lr: peak learning rate of the head; None: as `lr`.
        weight_decay: on matrices and kernels.
        patience: stop after this many validations without a lower loss; None never stops early.
        policy: random views, by name (`hilum.augment.POLICIES`) or a policy; "none" for none.
        size: side of the views in px; None: as in the store.
        weighted: weigh the positives of each finding by negatives / positives among the training images; or each of
            C exclusive classes by images / (C x images of the class).
        answer: "each": findings are there or not, each by itself; "each_or_uncertain": with targets of 2 as a third
            class; "exclusive": an image has exactly one of them (`hilum.finetuning.output_types`).
        positive_weight_limit: bounds these weights, and their inverse; at least 1.
        dropout: before the head and inside it, 0 to 1.
        head: "linear", "mlp" or "two_layers" (`hilum.finetuning.heads.make_head`).
        pooling: "own", the encoder's, or "cls", "mean", "cls_mean", "gem", "attention", and of frozen
            vision transformers "cls_last4", "cls_last4_mean" (`hilum.finetuning.pooling`).
        optimizer, schedule, warmup_epochs, precision, device: see `TrainingSettings`.
        workers: threads that prepare batches; they do not change the result.
        checkpoint_every_seconds: a killed run loses at most about this much work.
    """

    unfreeze: int | Literal["all"] = "all"
    epochs: int = 20
    steps: int | None = None
    batch_size: int = 32
    drop_last: bool = False
    validations: int | None = None
    lr: float = 1e-4
    head_lr: float | None = None
    weight_decay: float = 1e-4
    patience: int | None = 5
    policy: str | ViewPolicy = "finetune"
    size: int | None = None
    weighted: bool = True
    positive_weight_limit: float = 100.0
    answer: AnswerName = "each"
    dropout: float = 0.0
    head: HeadName = "linear"
    pooling: PoolingName = "own"
    optimizer: Optimizer = "adamw"
    schedule: Schedule = "cosine"
    warmup_epochs: float = 0.0
    precision: Precision = "auto"
    device: Device = "auto"
    workers: int = 1
    checkpoint_every_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 0 <= self.dropout < 1:
            raise HilumError("finetune.dropout", expected="0 to below 1", found=str(self.dropout), fix="Change it.")
        if self.batch_size < 1:
            raise HilumError("finetune.batch_size", expected="1 or more", found=str(self.batch_size), fix="Change it.")
        for key in ("steps", "validations"):
            if (number := getattr(self, key)) is not None and number < 1:
                raise HilumError(f"finetune.{key}", expected="1 or more", found=str(number), fix="Change it.")
        if self.pooling in OF_LAST_BLOCKS and self.unfreeze != 0:
            raise HilumError(
                "finetune.pooling",
                expected="a frozen encoder, since features of several blocks are read",
                found=f"{self.pooling} with unfreeze {self.unfreeze}",
                fix="Set unfreeze: 0, or another pooling.",
            )
        for key, names in (("head", HeadName), ("pooling", PoolingName), ("answer", AnswerName)):
            known = get_args(names)
            if (found := getattr(self, key)) not in known:
                raise HilumError(
                    f"finetune.{key}",
                    expected=f"one of {', '.join(known)}",
                    found=str(found),
                    fix="Choose one of these.",
                )

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
            images: that it learns from.
        """
        epochs = self.epochs_of(images)
        return TrainingSettings(
            epochs=epochs,
            validate_every=1 if self.validations is None else max(1, epochs // self.validations),
            lr=self.lr,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            warmup_epochs=self.warmup_epochs,
            schedule=self.schedule,
            patience=self.patience,
            precision=self.precision,
            device=self.device,
            seed=seed,
            checkpoint_every_seconds=self.checkpoint_every_seconds,
        )
