"""Settings of each training of a study, resolved from the study file and the presets."""

from hilum.finetuning.presets import ResolvedFinetuning, resolve_finetuning
from hilum.finetuning.settings import FinetuneSettings, OutputTypeName
from hilum.pretext.settings import PretextSettings, ResolvedSettings, RunSettings, SettingOverrides, resolve_settings
from hilum.study.file.pretraining import Pretrained
from hilum.study.file.schema import Study
from hilum.study.file.task import Task


def resolved_pretraining(study: Study, init: Pretrained, images: int) -> ResolvedSettings:
    """Resolve all settings of one pretraining, each with its source: the arm, the study, or a preset.

    Args:
        study: The study.
        init: The pretraining.
        images: Number of pretraining images.
    """
    common = {"precision": study.precision} if study.precision != "auto" else {}
    given = common | study.pretrain.given() | init.given()
    overrides = SettingOverrides(RunSettings(**given), init.settings)
    return resolve_settings(init.pretrain, overrides, images, from_weights=init.start != "random")


def pretext_settings(study: Study, init: Pretrained, images: int) -> PretextSettings:
    """Resolve the settings of one pretraining; arguments as in `resolved_pretraining`."""
    return resolved_pretraining(study, init, images).settings


def resolved_finetuning(study: Study, arm: str, images: int) -> ResolvedFinetuning:
    """Resolve all fine-tuning settings of one arm, each with its source: the arm, the study, or a preset.

    Args:
        study: The study.
        arm: Name of the arm.
        images: Number of labelled training images.
    """
    given = study.finetuning_of(arm).as_settings() | {
        "precision": study.precision,
        "output_type": _output_type(study.task),
    }
    return resolve_finetuning(given, images)


def finetune_settings(study: Study, arm: str, images: int) -> FinetuneSettings:
    """Resolve the fine-tuning settings of one arm; arguments as in `resolved_finetuning`."""
    return resolved_finetuning(study, arm, images).settings


def _output_type(task: Task) -> OutputTypeName:
    if task.classes == "multiclass":
        return "multiclass"
    label_policy = task.label_policy()
    third = any(label_policy.uncertain_of(finding) == "own_class" for finding in task.findings)
    return "multilabel_u_multiclass" if third else "multilabel"
