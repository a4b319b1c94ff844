"""Arms whose training failed; the study continues and is evaluated without them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hilum.artifacts import fingerprint
from hilum.errors import HilumErrors, TrainingFailedError
from hilum.study.file import Study
from hilum.study.plan.record import Outcome, read_record
from hilum.study.plan.step_types import FinetuneStep, Step, SweepStep, TaskStep
from hilum.study.plan.steps import finetuning_directory, pretraining_directories, sweep_directory
from hilum.study.prepared import Prepared, PreparedStudy


@dataclass(frozen=True)
class FailedArm:
    """An arm that is excluded from the evaluation.

    Attributes:
        name: Name of the arm.
        outcome: Outcome of the first failed step.
        directory: Directory of that step, relative to the study's.
        message: Description of the failure and suggested fix.
    """

    name: str
    outcome: Outcome
    directory: str
    message: str

    @property
    def sentence(self) -> str:
        """Sentence for the report."""
        return f"{self.name} {self.outcome} ({self.directory}) and was not evaluated: {self.message}"


def failed_arms(study: Study, out: Path, keys: Mapping[str, str]) -> list[FailedArm]:
    """Return the arms with a failed seed; a mean over the remaining seeds would be biased."""
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
    """Remove failed arms from a study; if the reference arm failed, the first remaining arm replaces it.

    Raises:
        HilumErrors: All arms failed.
    """
    if not failed:
        return prepared
    study, names = prepared.study, {arm.name for arm in failed}
    arms = {name: arm for name, arm in study.arms.items() if name not in names}
    if not arms:
        raise HilumErrors("the arms of this study", [each.sentence for each in failed], fix="none is left to evaluate")
    reference = study.evaluate.reference if study.evaluate.reference in arms else None
    evaluate = study.evaluate.model_copy(update={"reference": reference})
    explain = study.explain
    if explain is not None and explain.arms is not None:
        explain = explain.model_copy(update={"arms": [arm for arm in explain.arms if arm in arms] or None})
    pairs = [pair for pair in study.compare if set(pair) <= set(arms)]
    left = study.model_copy(update={"arms": arms, "evaluate": evaluate, "explain": explain, "compare": pairs})
    return replace(prepared, study=left)


def keys_with_failures(
    steps: Sequence[Step], keys: Mapping[str, str], failed: list[FailedArm], view: str = ""
) -> dict[str, str]:
    """Return keys in which the evaluation steps of a task depend on the arms that failed.

    Args:
        steps: Steps of the study.
        keys: Fingerprints of all steps.
        failed: Failed arms of one task.
        view: Folder of that task (`Study.place`).
    """
    if not failed:
        return dict(keys)
    names = sorted(arm.name for arm in failed)
    affected = {step.directory for step in steps if isinstance(step, TaskStep) and step.view == view}
    return {d: fingerprint([key, "without", names]) if d in affected else key for d, key in keys.items()}


def keys_after_failures(
    prepared: PreparedStudy, steps: list[Step], keys: Mapping[str, str], out: Path
) -> dict[str, str]:
    """Return the keys of all steps, given the arms that failed in the directory of the study.

    Args:
        prepared: Prepared data of the study.
        steps: Steps of the study.
        keys: Fingerprints of all steps if no arm fails.
        out: Directory of the study.
    """
    final = dict(keys)
    for place, view in prepared.views.items():
        final = keys_with_failures(steps, final, failed_arms(view.study, out, keys), place)
    return final


def describe_failure(step: Step, study: Study, error: TrainingFailedError) -> str:
    """Describe the failure of a step, with the keys of the study file to change."""
    message = f"{error.where}: {error.found}. "
    if error.code == "collapsed":
        arms = ", ".join(f"arms.{arm}.init" for arm in study.arms if _starts_from(study, arm, step))
        return f"{message}{error.fix[:1].upper()}{error.fix[1:].rstrip('.')} (under pretrain, or {arms}.settings)."
    if isinstance(step, SweepStep):
        return f"{message}Add lower values of lr to the sweep of arms.{step.arm}, or set precision: fp32."
    if isinstance(step, FinetuneStep):
        lr = study.finetuning_of(step.arm).lr
        now = f" (now {lr:g})" if lr is not None else ""
        return f"{message}Lower arms.{step.arm}.finetune.lr{now}, or set precision: fp32."
    keys = ", ".join(f"arms.{arm}.init" for arm in study.arms if _starts_from(study, arm, step))
    return f"{message}Lower lr, set clip_grad_norm: 1.0 or lengthen warmup_epochs, of {keys}; or set precision: fp32."


def _starts_from(study: Study, arm: str, step: Step) -> bool:
    return any(step.directory in pretraining_directories(study, arm, seed) for seed in study.seeds)
