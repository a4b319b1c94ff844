"""An arm's model without its weights: what is counted before anything trains."""

from functools import cache
from typing import Literal

import torch

from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.finetune.classifier import Classifier
from hilum.finetune.settings import HeadName, PoolingName
from hilum.study.schema import Study


def parameter_counts(study: Study, arm: str) -> tuple[int, int]:
    """Weights of an arm that fine-tuning trains, and all of them, head included; no memory is taken for them."""
    tuning, encoder = study.finetuning_of(arm), study.arms[arm].encoder
    return _counts(encoder, len(study.task.findings), tuning.unfreeze, tuning.head, tuning.pooling)


@cache
def _counts(
    name: str, findings: int, unfreeze: int | Literal["all"], head: HeadName, pooling: PoolingName
) -> tuple[int, int]:
    """Built once for all arms that differ in their weights only."""
    with torch.device("meta"):
        encoder = create_encoder(name, seed=0)
        freeze_all_but_last(encoder, unfreeze)
        model = Classifier(encoder, findings, size=encoder.architecture.size, head=head, pooling=pooling)
    return count_parameters(model, trainable_only=True), count_parameters(model)
