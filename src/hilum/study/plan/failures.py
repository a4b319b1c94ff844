"""Arms whose training came to nothing: the others go on, and are judged without them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.artifacts import fingerprint
from hilum.errors import HilumErrors, TrainingFailedError
from hilum.study.file import Study
from hilum.study.plan.record import Outcome, read_record
from hilum.study.plan.steps import Step, finetuning_directory, pretraining_directories, sweep_directory
from hilum.study.prepared import Prepared

_JUDGED = ("evaluate", "explain", "report")


@dataclass(frozen=True)
class FailedArm:
    """An arm that is not judged.

    Attributes:
        name: of the arm.
        outcome: of the step that failed first; "pretraining_failed" only of steps behind it.
        directory: of that step, relative to the study's.
        message: where, what was found, what can be done.
    """

    name: str
    outcome: Outcome
    directory: str
    message: str

    @property
    def sentence(self) -> str:
        """For the report."""
        return f"{self.name} {self.outcome} ({self.directory}) and was not judged: {self.message}"


def failed_arms(study: Study, out: Path, keys: Mapping[str, str]) -> list[FailedArm]:
    """Arms of which some seed failed: a mean over the seeds that went well would flatter them."""
    failed = []
    for arm in study.arms:
        starts = [each for seed in study.seeds for each in pretraining_directories(study, arm, seed)]
        if study.sweep_of(arm) is not None:
            starts.append(sweep_directory(study, arm))
        for directory in [*starts, *(finetuning_directory(study, arm, seed) for seed in study.seeds)]:
            record = read_record(out / directory)
            if record is not None and record.key == keys.get(directory) and record.outcome != "done":
                failed.append(FailedArm(arm, record.outcome, directory, record.message))
                break
    return failed


def without_failed(prepared: Prepared, failed: list[FailedArm]) -> Prepared:
    """The study of the arms that were trained; where the reference failed, the first of them takes its place.

    Raises:
        HilumErrors: no arm is left.
    """
    if not failed:
        return prepared
    study, names = prepared.study, {arm.name for arm in failed}
    arms = {name: arm for name, arm in study.arms.items() if name not in names}
    if not arms:
        raise HilumErrors("the arms of this study", [each.sentence for each in failed], fix="none is left to judge")
    reference = study.evaluate.reference if study.evaluate.reference in arms else None
    evaluate = study.evaluate.model_copy(update={"reference": reference})
    explain = study.explain
    if explain is not None and explain.arms is not None:
        explain = explain.model_copy(update={"arms": [arm for arm in explain.arms if arm in arms] or None})
    pairs = [pair for pair in study.compare if set(pair) <= set(arms)]
    left = study.model_copy(update={"arms": arms, "evaluate": evaluate, "explain": explain, "compare": pairs})
    return replace(prepared, study=left)


def keys_with_failures(
    steps: list[Step], keys: Mapping[str, str], failed: list[FailedArm], view: str = ""
) -> dict[str, str]:
    """Keys in which steps that judge depend on which arms they judge.

    Args:
        steps: of the study.
        keys: of all steps.
        failed: arms of one task.
        view: folder of that task (`Study.place`).
    """
    if not failed:
        return dict(keys)
    names = sorted(arm.name for arm in failed)
    judged = {step.directory for step in steps if step.kind in _JUDGED and step.view == view}
    return {d: fingerprint([key, "without", names]) if d in judged else key for d, key in keys.items()}


def describe_failure(step: Step, study: Study, error: TrainingFailedError) -> str:
    """What happened in a step, with the keys of the study file that can change it."""
    message = f"{error.where}: {error.found}. "
    if error.code == "collapsed":
        arms = ", ".join(f"arms.{arm}.init" for arm in study.arms if _starts_from(study, arm, step))
        return f"{message}{error.fix[:1].upper()}{error.fix[1:].rstrip('.')} (under pretrain, or {arms}.settings)."
    if step.kind == "sweep":
        return f"{message}Let the sweep of arms.{step.arm} try lower lr, or set precision: fp32."
    if step.kind == "finetune":
        lr = study.finetuning_of(str(step.arm)).lr
        now = f" (now {lr:g})" if lr is not None else ""
        return f"{message}Lower arms.{step.arm}.finetune.lr{now}, or set precision: fp32."
    keys = ", ".join(f"arms.{arm}.init" for arm in study.arms if _starts_from(study, arm, step))
    return f"{message}Lower lr, set clip_grad_norm: 1.0 or lengthen warmup_epochs, of {keys}; or set precision: fp32."


def _starts_from(study: Study, arm: str, step: Step) -> bool:
    return any(step.directory in pretraining_directories(study, arm, seed) for seed in study.seeds)
