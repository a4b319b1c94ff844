"""Classifier of findings: encoder, pooling, dropout and head, with its training loss."""

from typing import Any

import torch
from torch import Tensor, nn

from hilum.augment import Augmentation, copy_transforms, plain_view, random_views
from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder, as_tokens
from hilum.errors import HilumError
from hilum.finetuning.heads import HeadPerFinding, make_head
from hilum.finetuning.output_types import OutputType, make_output_type
from hilum.finetuning.pooling import AttentionPerFinding, make_pooling
from hilum.finetuning.settings import HeadName, OutputTypeName, PoolingName
from hilum.training.distributed import global_mean_part
from hilum.training.param_groups import decay_groups, encoder_groups
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Classifier(Trainable):
    """Classifier of findings in radiographs: encoder, pooling, dropout, head.

    Args:
        encoder: Encoder, frozen or not (see `hilum.encoders.freezing`).
        findings: Number of findings.
        size: Side of the network input in px.
        augmentation: Augmentation of training images.
        seed: Random seed of the head's initial weights (torch's initialisation) and of augmentation.
        positive_weights: Class weights of the loss, (findings); None for 1. For multiclass the weights of the classes.
        dropout: Dropout before the head, and inside heads of several layers.
        head_lr: Peak learning rate of the head and of the pooling; None for that of the encoder.
        head: See `hilum.finetuning.heads.make_head`.
        pooling: See `hilum.finetuning.pooling.make_pooling`; "own" for the encoder's.
        output_type: Output type by name, or as made by `hilum.finetuning.output_types.make_output_type`.

    Raises:
        HilumError: The pooling needs a class token, and the encoder has none.
    """

    def __init__(
        self,
        encoder: Encoder,
        findings: int,
        *,
        size: int,
        augmentation: Augmentation = Augmentation(),  # noqa: B008 (frozen)
        seed: int = 0,
        positive_weights: Tensor | None = None,
        dropout: float = 0.0,
        head_lr: float | None = None,
        head: HeadName = "linear",
        pooling: PoolingName = "own",
        output_type: OutputTypeName | OutputType = "multilabel",
    ) -> None:
        super().__init__()
        self.encoder, self.size, self.augmentation, self.seed, self.head_lr = encoder, size, augmentation, seed, head_lr
        self.dropout = nn.Dropout(dropout)
        self.output_type: OutputType = make_output_type(output_type) if isinstance(output_type, str) else output_type
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.pooling = (
                AttentionPerFinding(encoder, findings) if head == "attention" else make_pooling(pooling, encoder)
            )
            width = self.pooling.parts * encoder.token_width if self.pooling else encoder.feature_width
            outputs = findings * self.output_type.outputs_a_finding
            self.head = (
                HeadPerFinding(encoder.token_width, findings, self.output_type.outputs_a_finding)
                if head == "attention"
                else make_head(head, width, outputs, dropout=dropout, encoder=encoder.name)
            )
        self.positive_weights: Tensor
        self.register_buffer("positive_weights", torch.ones(findings) if positive_weights is None else positive_weights)

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits of images, (B, 1, H, W) in [0, 1] to (B, findings)."""
        return self.score(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Compute pooled features of images, (B, 1, H, W) in [0, 1] to (B, width) float32."""
        if self.pooling is None:
            own: Tensor = self.encoder(images)
            return own
        if self.pooling.blocks > 1:
            return self.pooled_of(self.encoder.hidden_states(images, self.cuts_read))
        return self.pooled(self.encoder.tokens(images))

    @property
    def cuts_read(self) -> list[int]:
        """Numbers of blocks after which the pooling reads hidden states; most poolings read the last block only."""
        last = len(self.encoder.blocks)
        return [last] if self.pooling is None else list(range(last - self.pooling.blocks + 1, last + 1))

    def pooled_of(self, hidden: list[Tensor]) -> Tensor:
        """Pool the hidden states after the blocks at `cuts_read` (`Encoder.run_blocks`).

        Hidden states of blocks before the last one pass the encoder's last norm, as in Oquab et al. (DINOv2, TMLR
        2024).
        """
        if self.pooling is None or self.pooling.blocks == 1:
            return self.pooled(hidden[-1])
        inner = [self.encoder.norm_tokens(tokens) for tokens in hidden[:-1]]
        with torch.autocast(hidden[-1].device.type, enabled=False):
            parts: Tensor = self.pooling(torch.stack([tokens.float() for tokens in (*inner, hidden[-1])], dim=1))
        return parts.flatten(1)

    def pooled(self, last: Tensor) -> Tensor:
        """Pool the encoder's last hidden state (`Encoder.run_blocks`) to features."""
        if self.pooling is None:
            return self.encoder.pooled(last)
        tokens = as_tokens(last)
        with torch.autocast(tokens.device.type, enabled=False):
            return self.encoder.norm_pooled(self.pooling(tokens.float())).flatten(1)

    @property
    def features_are_fixed(self) -> bool:
        """True where only the head is trained, so that features of an image can be computed once."""
        before = [self.encoder, *([self.pooling] if self.pooling else [])]
        return not any(parameter.requires_grad for module in before for parameter in module.parameters())

    def score(self, features: Tensor) -> Tensor:
        """Compute logits of features, (B, width) to (B, findings)."""
        return self.output_type.logits(self._outputs(features))

    def label_loss(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the sum of the weighted cross-entropy and its divisor.

        Args:
            features: (B, width).
            targets: (B, findings), NaN for masked labels.
        """
        return self.label_loss_with_scores(features, targets)[:2]

    def label_loss_with_scores(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute `label_loss` and the logits."""
        outputs = self._outputs(features)
        return *self.output_type.loss(outputs, targets, self.positive_weights), self.output_type.logits(outputs)

    def _outputs(self, features: Tensor) -> Tensor:
        """Compute the head's outputs, (B, findings x outputs a finding), in float32: bfloat16 would tie many images."""
        with torch.autocast(features.device.type, enabled=False):
            outputs: Tensor = self.head(self.dropout(features.float()))
        return outputs

    @property
    def needs_whole_batch(self) -> str:
        """Empty: the loss is a sum over images, so gradient accumulation is possible."""
        return ""

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Compute the mean weighted cross-entropy of the known labels, on one augmentation of each image."""
        views = random_views(
            batch.images, batch.keys, self.augmentation, self.size,
            seed=self.seed, epoch=epoch, view=0, before=copy_transforms(batch.copies),
        )  # fmt: skip
        return self.mean_loss(self.features(views), batch)

    def mean_loss(self, features: Tensor, batch: Batch) -> Tensor:
        """Compute the mean loss over the terms of the whole batch, of which this may be a part; 0 without terms.

        Args:
            features: Features of the images, (B, width).
            batch: Batch of these images.
        """
        return self.mean_loss_of_outputs(self._outputs(features), batch)

    def mean_loss_of_outputs(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Compute `mean_loss` from the head's outputs, (B, findings x outputs a finding) float32."""
        loss, _ = self.output_type.loss(outputs, known_targets(batch), self.positive_weights)
        terms = self.output_type.terms(known_targets(batch.whole), self.positive_weights)
        return global_mean_part(loss, terms, batch.parts)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the sum of the weighted cross-entropy and its number of terms, without augmentation."""
        return self.validation_with_scores(batch)[:2]

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Compute `validation_loss` and the logits."""
        return self.label_loss_with_scores(self.features(plain_view(batch.images, self.size)), known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Return parameter groups of the optimiser, with the learning rate of the head and its pooling."""
        head_lr = settings.lr if self.head_lr is None else self.head_lr
        behind = self.head if self.pooling is None else nn.ModuleList([self.pooling, self.head])
        head = [{**group, "lr": head_lr} for group in decay_groups(behind, settings.weight_decay)]
        return [*encoder_groups(self.encoder, settings.weight_decay, settings.lr, settings.layer_decay), *head]


class HeadOnFeatures(Trainable):
    """Head of a classifier with fixed features and without augmentation; features are computed once.

    Args:
        classifier: Classifier with `features_are_fixed`; its head is trained in place.
        train, val: Features of the training and validation images, (N, width), in the order of their batches.
    """

    def __init__(self, classifier: Classifier, train: Tensor, val: Tensor) -> None:
        super().__init__()
        self.head, self.dropout = classifier.head, classifier.dropout
        self.label_loss_with_scores, self.mean_loss = classifier.label_loss_with_scores, classifier.mean_loss
        self.groups = classifier.parameter_groups
        self.train_features, self.val_features = train, val

    @property
    def needs_whole_batch(self) -> str:
        """See `Classifier.needs_whole_batch`."""
        return ""

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:  # noqa: ARG002
        """See `Classifier.training_loss`."""
        return self.mean_loss(self.train_features[batch.rows], batch)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """See `Classifier.validation_loss`."""
        return self.validation_with_scores(batch)[:2]

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """See `Classifier.validation_with_scores`."""
        return self.label_loss_with_scores(self.val_features[batch.rows], known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """Return the parameter groups of the head."""
        return self.groups(settings)


def known_targets(batch: Batch) -> Tensor:
    """Return the targets of a batch; refuse a batch without targets."""
    if batch.targets is None:
        raise HilumError("batch", expected="targets", found="none", fix="Give Batches the targets of its images.")
    return batch.targets
