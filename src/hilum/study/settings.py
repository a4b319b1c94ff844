"""From what a study file says to the settings that each room takes."""

from hilum.finetune.settings import FinetuneSettings
from hilum.pretext.settings import PretextSettings
from hilum.study.schema import Pretrained, Study


def pretext_settings(study: Study, init: Pretrained) -> PretextSettings:
    """Settings of one pretraining."""
    settings = study.pretrain
    return PretextSettings(
        epochs=study.pretraining_epochs(init),
        batch_size=settings.batch_size,
        lr=settings.lr,
        options=init.settings,
        policy=init.policy or settings.policy,
        precision=study.precision,
    )


def finetune_settings(study: Study, arm: str) -> FinetuneSettings:
    """Settings of one arm's training with labels."""
    policy = study.task.policy()
    return FinetuneSettings(
        **study.finetuning_of(arm).model_dump(),
        precision=study.precision,
        uncertain_class=any(policy.uncertain_of(finding) == "own_class" for finding in study.task.findings),
    )
