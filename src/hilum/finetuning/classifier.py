"""An encoder with a head that scores findings, and how it is trained."""

from typing import Any

import torch
from torch import Tensor, nn

from hilum.augment import Augmentation, of_copies, plain_view, random_views
from hilum.data.batches import Batch
from hilum.encoders.zoo import Encoder, as_tokens
from hilum.errors import HilumError
from hilum.finetuning.heads import HeadPerFinding, make_head
from hilum.finetuning.output_types import OutputType, make_output_type
from hilum.finetuning.pooling import AttentionPerFinding, make_pooling
from hilum.finetuning.settings import HeadName, OutputTypeName, PoolingName
from hilum.training.distributed import share_of_mean
from hilum.training.param_groups import decay_groups, encoder_groups
from hilum.training.settings import TrainingSettings
from hilum.training.trainable import Trainable


class Classifier(Trainable):
    """Findings from radiographs: encoder, pooling, dropout, head.

    Args:
        encoder: frozen or not (see `hilum.encoders.freezing`).
        findings: how many.
        size: side of the views in px.
        augmentation: of the training views.
        seed: of the head's initial weights (torch's own initialisation) and of the views.
        positive_weights: of the loss, (findings); None: all 1. Of exclusive classes, the weights of these.
        dropout: before the head, and inside heads of several layers.
        head_lr: peak learning rate of the head and of the pooling; None: as the encoder.
        head: see `hilum.finetuning.heads.make_head`.
        pooling: see `hilum.finetuning.pooling.make_pooling`; "own": the encoder's.
        output_type: what the outputs mean and cost, by name or as `hilum.finetuning.output_types.make_output_type`
            makes them.

    Raises:
        HilumError: the encoder has no class token, and the pooling needs it.
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
        """Logits of views, (B, 1, H, W) in [0, 1] to (B, findings)."""
        return self.score(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """Pooled features of views, (B, 1, H, W) in [0, 1] to (B, width) float32."""
        if self.pooling is None:
            own: Tensor = self.encoder(images)
            return own
        if self.pooling.blocks > 1:
            return self.pooled_of(self.encoder.hidden_states(images, self.cuts_read))
        return self.pooled(self.encoder.tokens(images))

    @property
    def cuts_read(self) -> list[int]:
        """Behind how many of the encoder's blocks the features are read, in order; most read the end only."""
        last = len(self.encoder.blocks)
        return [last] if self.pooling is None else list(range(last - self.pooling.blocks + 1, last + 1))

    def pooled_of(self, hidden: list[Tensor]) -> Tensor:
        """As `pooled`, from what leaves the blocks at `cuts_read` (`Encoder.run_blocks`).

        What leaves blocks before the last one passes the encoder's last norm, as in Oquab et al. (DINOv2, TMLR 2024).
        """
        if self.pooling is None or self.pooling.blocks == 1:
            return self.pooled(hidden[-1])
        inner = [self.encoder.norm_tokens(tokens) for tokens in hidden[:-1]]
        with torch.autocast(hidden[-1].device.type, enabled=False):
            parts: Tensor = self.pooling(torch.stack([tokens.float() for tokens in (*inner, hidden[-1])], dim=1))
        return parts.flatten(1)

    def pooled(self, last: Tensor) -> Tensor:
        """As `features`, from the encoder's last features (`Encoder.run_blocks`)."""
        if self.pooling is None:
            return self.encoder.pooled(last)
        tokens = as_tokens(last)
        with torch.autocast(tokens.device.type, enabled=False):
            return self.encoder.norm_pooled(self.pooling(tokens.float())).flatten(1)

    @property
    def features_are_fixed(self) -> bool:
        """Whether nothing before the head trains, so that an image's features can be computed once."""
        before = [self.encoder, *([self.pooling] if self.pooling else [])]
        return not any(parameter.requires_grad for module in before for parameter in module.parameters())

    def score(self, features: Tensor) -> Tensor:
        """Logits of features, (B, width) to (B, findings)."""
        return self.output_type.logits(self._outputs(features))

    def label_loss(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the weighted cross-entropy and what it is to be divided by.

        Args:
            features: (B, width).
            targets: (B, findings), NaN where a label is masked.
        """
        return self.label_loss_with_scores(features, targets)[:2]

    def label_loss_with_scores(self, features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As `label_loss`, and the logits."""
        outputs = self._outputs(features)
        return *self.output_type.loss(outputs, targets, self.positive_weights), self.output_type.logits(outputs)

    def _outputs(self, features: Tensor) -> Tensor:
        """Of the head, (B, findings x outputs a finding), in float32: 8 bits of mantissa would tie many images."""
        with torch.autocast(features.device.type, enabled=False):
            outputs: Tensor = self.head(self.dropout(features.float()))
        return outputs

    @property
    def needs_whole_batch(self) -> str:
        """Every term of its loss counts by itself."""
        return ""

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:
        """Mean weighted cross-entropy of the known labels, on one random view of each image."""
        views = random_views(
            batch.images, batch.keys, self.augmentation, self.size,
            seed=self.seed, epoch=epoch, view=0, before=of_copies(batch.copies),
        )  # fmt: skip
        return self.mean_loss(self.features(views), batch)

    def mean_loss(self, features: Tensor, batch: Batch) -> Tensor:
        """Mean of the loss over the terms of the batch, of which this may be a part; 0 where there are none.

        Args:
            features: of the images, (B, width).
            batch: of these images.
        """
        return self.mean_loss_of_outputs(self._outputs(features), batch)

    def mean_loss_of_outputs(self, outputs: Tensor, batch: Batch) -> Tensor:
        """As `mean_loss`, from what the head gives, (B, findings x outputs a finding) float32."""
        loss, _ = self.output_type.loss(outputs, known_targets(batch), self.positive_weights)
        terms = self.output_type.terms(known_targets(batch.whole), self.positive_weights)
        return share_of_mean(loss, terms, batch.parts)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Sum of the weighted cross-entropy and number of its terms, on plain views."""
        return self.validation_with_scores(batch)[:2]

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """As `validation_loss`, and the logits."""
        return self.label_loss_with_scores(self.features(plain_view(batch.images, self.size)), known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """As for every module, with the own learning rate of the head and of what pools for it."""
        head_lr = settings.lr if self.head_lr is None else self.head_lr
        behind = self.head if self.pooling is None else nn.ModuleList([self.pooling, self.head])
        head = [{**group, "lr": head_lr} for group in decay_groups(behind, settings.weight_decay)]
        return [*encoder_groups(self.encoder, settings.weight_decay, settings.lr, settings.layer_decay), *head]


class HeadOnFeatures(Trainable):
    """The head of a classifier whose features are fixed and whose images are not augmented: they are computed once.

    Args:
        classifier: whose head trains, in place; its `features_are_fixed`.
        train, val: features of the training and validation images, (N, width), in the order of their batches.
    """

    def __init__(self, classifier: Classifier, train: Tensor, val: Tensor) -> None:
        super().__init__()
        self.head, self.dropout = classifier.head, classifier.dropout
        self.label_loss_with_scores, self.mean_loss = classifier.label_loss_with_scores, classifier.mean_loss
        self.groups = classifier.parameter_groups
        self.train_features, self.val_features = train, val

    @property
    def needs_whole_batch(self) -> str:
        """As `Classifier.needs_whole_batch`."""
        return ""

    def training_loss(self, batch: Batch, epoch: int) -> Tensor:  # noqa: ARG002
        """As `Classifier.training_loss`."""
        return self.mean_loss(self.train_features[batch.rows], batch)

    def validation_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As `Classifier.validation_loss`."""
        return self.validation_with_scores(batch)[:2]

    def validation_with_scores(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """As `Classifier.validation_with_scores`."""
        return self.label_loss_with_scores(self.val_features[batch.rows], known_targets(batch))

    def parameter_groups(self, settings: TrainingSettings) -> list[dict[str, Any]]:
        """The head's."""
        return self.groups(settings)


def known_targets(batch: Batch) -> Tensor:
    """Targets of a batch, which must have some."""
    if batch.targets is None:
        raise HilumError("batch", expected="targets", found="none", fix="Give Batches the targets of its images.")
    return batch.targets
