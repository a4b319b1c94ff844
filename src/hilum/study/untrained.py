"""An arm's model without its weights: what is counted before anything trains."""

import torch

from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.finetune.classifier import Classifier
from hilum.study.schema import Study


def parameter_counts(study: Study, arm: str) -> tuple[int, int]:
    """Weights of an arm that fine-tuning trains, and all of them, head included; no memory is taken for them."""
    settings, tuning = study.arms[arm], study.finetuning_of(arm)
    with torch.device("meta"):
        encoder = create_encoder(settings.encoder, seed=0)
        freeze_all_but_last(encoder, tuning.unfreeze)
        model = Classifier(
            encoder, len(study.task.findings), size=encoder.architecture.size, head=tuning.head, pooling=tuning.pooling
        )
    return count_parameters(model, trainable_only=True), count_parameters(model)
