"""From what a study file says to the settings that each room takes."""

from hilum.finetuning.presets import ResolvedFinetuning, resolve_finetuning
from hilum.finetuning.settings import FinetuneSettings, OutputTypeName
from hilum.pretext.settings import PretextSettings, ResolvedSettings, RunSettings, SettingOverrides, resolve_settings
from hilum.study.file.pretraining import Pretrained
from hilum.study.file.schema import Study
from hilum.study.file.task import Task


def resolved_pretraining(study: Study, init: Pretrained, images: int) -> ResolvedSettings:
    """All settings of one pretraining, with where each comes from: the arm, the study, or a preset.

    Args:
        study: the study.
        init: of the arm.
        images: that it learns from, as the tables count them.
    """
    of_all = {"precision": study.precision} if study.precision != "auto" else {}
    given = of_all | study.pretrain.given() | init.given()
    overrides = SettingOverrides(RunSettings(**given), init.settings)
    return resolve_settings(init.pretrain, overrides, images, from_weights=init.start != "random")


def pretext_settings(study: Study, init: Pretrained, images: int) -> PretextSettings:
    """Settings of one pretraining on so many images."""
    return resolved_pretraining(study, init, images).settings


def resolved_finetuning(study: Study, arm: str, images: int) -> ResolvedFinetuning:
    """All settings of one arm's training with labels, with where each comes from: the arm, the study, or a preset.

    Args:
        study: the study.
        arm: its name.
        images: labelled training images.
    """
    given = study.finetuning_of(arm).as_settings() | {
        "precision": study.precision,
        "output_type": _output_type(study.task),
    }
    return resolve_finetuning(given, images)


def finetune_settings(study: Study, arm: str, images: int) -> FinetuneSettings:
    """Settings of one arm's training with so many labelled images."""
    return resolved_finetuning(study, arm, images).settings


def _output_type(task: Task) -> OutputTypeName:
    if task.classes == "multiclass":
        return "multiclass"
    label_policy = task.label_policy()
    third = any(label_policy.uncertain_of(finding) == "own_class" for finding in task.findings)
    return "multilabel_u_multiclass" if third else "multilabel"
