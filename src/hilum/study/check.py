"""Check of a study in miniature before its first step, to find in seconds what would fail after hours."""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hilum.artifacts import temporary_directory
from hilum.data.fetching import is_address
from hilum.errors import HilumError, HilumErrors, TrainingFailedError, TrainingFailure
from hilum.pretext.pretrain import check_batch_size
from hilum.progress import ProgressReport, silent
from hilum.report.page import write_report
from hilum.study.execution import evaluate_task, explain_arms, perform, store_of
from hilum.study.execution.report_content import report_content
from hilum.study.file import Pretrained, Study, resolved_pretraining
from hilum.study.file.views import starts_in, views_of
from hilum.study.generate import generate
from hilum.study.miniature import explained_miniature, miniature
from hilum.study.plan import (
    FailedArm,
    Step,
    describe_failure,
    label_problems,
    pretraining_directories,
    refuse_contaminated,
    start_of,
    steps_of,
    without_failed,
)
from hilum.study.plan.fetching import available_roots
from hilum.study.plan.prepare import prepare_study
from hilum.study.plan.step_types import (
    ArmStep,
    BaselinesStep,
    DataStep,
    EncoderStep,
    EvaluateStep,
    ExplainStep,
    GenerateStep,
    StoreStep,
    StudyStep,
    TaskStep,
    TrainingStep,
)
from hilum.study.plan.sweep import required_by_sweeps, trial_problems
from hilum.study.prepared import Prepared, PreparedStudy

MOST_GENERATED = 150
"""Maximum images of a generated data set in a check."""


TEMPORARY = "hilum-check"


@dataclass(frozen=True)
class Problem:
    """A problem that would stop a study, or one of its arms.

    Attributes:
        arm: Name of the arm; None for the whole study.
        step: Title of the step; "before the first step" for problems outside of steps.
        message: Description of the problem and suggested fix.
        code: "diverged" or "collapsed" if a training failed: the study can run and would exclude this arm. None for
            problems that stop the study.
    """

    arm: str | None
    step: str
    message: str
    code: TrainingFailure | None = None

    @property
    def sentence(self) -> str:
        """Description in one sentence."""
        return f"{f'arms.{self.arm}, ' if self.arm else ''}{self.step}: {self.message}"


@dataclass
class CheckResult:
    """Result of a check.

    Attributes:
        arms: Names of the checked arms, one of each kind.
        images: Number of decoded images.
        seconds: Seconds of each checked step by title, in order.
        problems: All problems; empty if every step ran.
    """

    arms: list[str]
    images: int
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def warnings(self) -> list[Problem]:
        """Problems of arms that the study would exclude; empty if no arm would remain."""
        warned = [problem for problem in self.problems if problem.code is not None and problem.arm is not None]
        return warned if {problem.arm for problem in warned} < set(self.arms) else []

    def raise_problems(self, *, but_warnings: bool = False) -> None:
        """Raise the problems of the check.

        Args:
            but_warnings: Ignore problems of arms that would be excluded.

        Raises:
            HilumErrors: All problems.
        """
        if set(self.problems) - set(self.warnings if but_warnings else []):
            message = [problem.sentence for problem in self.problems]
            raise HilumErrors("the study in miniature", message, fix="nothing was trained")


BEFORE = "before the first step"


def check_study(
    study: Study,
    roots: Mapping[str, Path],
    *,
    allow_missing: bool = False,
    workers: int | None = None,
    on_progress: ProgressReport = silent,
) -> CheckResult:
    """Read a study's data and run all of its steps in miniature, in a temporary directory.

    Args:
        study: The study.
        roots: Folder of each data set that is not generated.
        allow_missing: As in `hilum.study.execution.run.run_study`.
        workers: Threads that decode images and prepare batches.
        on_progress: Receives the number of steps done.

    Raises:
        HilumError: A table cannot be read, a folder is missing, or a part of the split is empty.
    """
    with temporary_directory(TEMPORARY) as out:
        few = _few_generated(study)
        generated = {name: out / "generated" / name for name, data in few.data.items() if data.generate}
        for name in generated:
            generate(few, name, out, workers, silent)
        here = {**available_roots(few, roots), **generated}
        prepared = prepare_study(few, here, allow_missing=allow_missing)
        return check_prepared(prepared, workers=workers, on_progress=on_progress)


def check_prepared(
    prepared: Prepared | PreparedStudy,
    *,
    workers: int | None = None,
    runs_here: bool = True,
    on_progress: ProgressReport = silent,
) -> CheckResult:
    """Run all steps of a study in miniature, in a temporary directory.

    The functions of a full run are applied to one arm of each kind (`hilum.study.miniature`) at the smallest label
    fraction of each task. Evaluation runs without failed arms, so that all problems are found. Not checked: the memory
    of full batches, and files that the miniature does not use.

    Args:
        prepared: Prepared data of the task.
        workers, on_progress: As in `check_study`.
        runs_here: Whether the study will run on this machine, to check the memory of sweeps.
    """
    if isinstance(prepared, PreparedStudy):
        return _check_tasks(prepared, workers, runs_here, on_progress)
    with temporary_directory(TEMPORARY) as temporary:
        small = miniature(prepared)
        trial = _Trial(small, temporary, workers)
        trial.checked.problems += _problems_before(prepared)
        if runs_here:
            required = required_by_sweeps(prepared.study, prepared.labelled_images, len(prepared.task.val.image_ids))
            trial.checked.problems += [
                Problem(arm, BEFORE, f"sweep: {each}") for arm, each in required.items() if isinstance(each, HilumError)
            ]
        trial.run(on_progress)
        return trial.checked


def _check_tasks(
    prepared: PreparedStudy, workers: int | None, runs_here: bool, on_progress: ProgressReport
) -> CheckResult:
    """Check every task at its smallest label fraction."""
    tried: dict[str, str] = {}
    for view in views_of(prepared.study):
        tried.setdefault(view.task, view.directory)
    checked = CheckResult([], 0)
    for task, place in tried.items():
        each = check_prepared(prepared.views[place], workers=workers, runs_here=runs_here, on_progress=on_progress)
        if not place:
            return each
        checked.arms += [arm for arm in each.arms if arm not in checked.arms]
        checked.images += each.images
        for title, seconds in each.seconds.items():
            checked.seconds[title] = checked.seconds.get(title, 0.0) + seconds
        known = {(problem.arm, problem.message) for problem in checked.problems}
        checked.problems += [
            replace(problem, step=f"task {task}, {problem.step}")
            for problem in each.problems
            if (problem.arm, problem.message) not in known
        ]
    return checked


def _problems_before(prepared: Prepared) -> list[Problem]:
    """Find problems of all arms that are known before any step."""
    study = prepared.study
    problems = []
    try:
        refuse_contaminated(prepared)
    except HilumErrors as error:
        problems += [Problem(None, BEFORE, message) for message in error.problems]
    problems += [Problem(None, BEFORE, message) for message in label_problems(prepared)]
    impossible = trial_problems(study, prepared.labelled_images)
    problems += [Problem(None, BEFORE, message) for message in impossible]
    for arm, settings in study.arms.items():
        if start_of(study, arm).here is False:
            message = (
                f"its weights {study.weights_of(arm)} are not on this machine. Get them with "
                f"`hilum {'study' if is_address(study.weights_of(arm)) else 'weights'} fetch`."
            )
            problems.append(Problem(arm, BEFORE, message))
        for init in starts_in(settings.init):
            if not isinstance(init, Pretrained):
                continue
            images = sum(map(len, prepared.pool_of(init).values()))
            try:
                check_batch_size(resolved_pretraining(study, init, images).settings.batch_size, images)
            except HilumError as error:
                problems.append(Problem(arm, BEFORE, str(error)))
    return problems


class _Trial:
    """Runs the steps of a miniature."""

    def __init__(self, small: Prepared, out: Path, workers: int | None) -> None:
        self._small, self._out, self._workers = small, out, workers
        study = small.study
        images = sum(small.stored_images(name).height for name in small.data)
        self.checked = CheckResult(list(study.arms), images)
        self._steps = steps_of(study, None)
        self._failed: dict[str, Problem] = {}
        for arm in study.arms:
            if start_of(study, arm).here is False:  # reported before the first step
                self._failed[arm] = Problem(arm, BEFORE, "its weights are not on this machine")

    def run(self, on_progress: ProgressReport) -> None:
        """Run every step whose requirements did not fail."""
        for done, step in enumerate(self._steps):
            on_progress(done, len(self._steps), step.title)
            can_continue = self._training(step) if isinstance(step, EncoderStep) else self._shared(step)
            if not can_continue:
                break
        on_progress(len(self._steps), len(self._steps), "")

    def _training(self, step: EncoderStep) -> bool:
        if any(arm not in self._failed for arm in self._arms_of(step)):
            self._try(step, self._arms_of(step), lambda: self._perform(step))
        return True

    def _shared(self, step: DataStep | BaselinesStep | TaskStep | StudyStep) -> bool:
        """Run a step that arms share; return whether later steps can run."""
        if isinstance(step, GenerateStep):
            return True
        if isinstance(step, StoreStep | BaselinesStep):
            return self._try(step, [], lambda: self._perform(step))
        if len(self._failed) == len(self._small.study.arms):
            return False
        if isinstance(step, EvaluateStep):
            return self._try(step, [], lambda: evaluate_task(self._trained(), self._out, silent))
        if isinstance(step, ExplainStep):
            return self._explain(step)
        self._try(step, [], lambda: write_report(report_content(self._trained(), self._out, self._steps), self._out))
        return True

    def _explain(self, step: ExplainStep) -> bool:
        """Explain the arms; if it fails, each arm separately to find the cause. Later steps can always run."""
        study = self._trained().study
        if study.explain is None or self._try(step, [], lambda: self._explain_arms(study.explained_arms), report=False):
            return True
        before = len(self.checked.problems)
        for arm in study.explained_arms:
            self._try(step, [arm], lambda arm=arm: self._explain_arms([arm]), fails=False)  # type: ignore[misc]
        if len(self.checked.problems) == before:
            self._try(step, [], lambda: self._explain_arms(study.explained_arms))
        self._small = replace(self._small, study=self._small.study.model_copy(update={"explain": None}))
        return True

    def _explain_arms(self, arms: list[str]) -> None:
        small = explained_miniature(self._trained())
        if small.study.explain is None:
            return
        explain = small.study.explain.model_copy(update={"arms": arms})
        few = replace(small, study=small.study.model_copy(update={"explain": explain}))
        explain_arms(few, store_of(self._out, few.study.labelled_data), self._out, self._out / "explain", silent)

    def _perform(self, step: StoreStep | TrainingStep) -> None:
        perform(step, self._small, self._out, self._workers, silent)

    def _trained(self) -> Prepared:
        failed = [FailedArm(arm, "diverged", "", each.message) for arm, each in self._failed.items()]
        return without_failed(self._small, failed)

    def _arms_of(self, step: EncoderStep) -> list[str]:
        study = self._small.study
        if isinstance(step, ArmStep):
            return [step.arm]
        return [arm for arm in study.arms if step.directory in pretraining_directories(study, arm, study.seeds[0])]

    def _try(
        self, step: Step, arms: list[str], work: Callable[[], object], *, fails: bool = True, report: bool = True
    ) -> bool:
        """Run a step and return whether it succeeded; failed arms are recorded and excluded from later steps."""
        began = time.monotonic()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - any error would stop the study later
            message = self._described(step, error)
            code = error.code if isinstance(error, TrainingFailedError) else None
            problems = [Problem(arm, step.title, message, code) for arm in arms] or [Problem(None, step.title, message)]
            if report:
                self.checked.problems += problems
            if fails:
                self._failed |= {each.arm: each for each in problems if each.arm is not None}
            return False
        finally:
            took = self.checked.seconds
            took[step.title] = took.get(step.title, 0.0) + time.monotonic() - began
        return True

    def _described(self, step: Step, error: Exception) -> str:
        if isinstance(error, TrainingFailedError):
            message = describe_failure(step, self._small.study, error)
        elif isinstance(error, HilumErrors):
            message = f"{error.where}: {'; '.join(error.problems)}"
        elif isinstance(error, HilumError):
            message = str(error)
        else:
            at = traceback.extract_tb(error.__traceback__)[-1]
            message = f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"
        return message.replace(f"{self._out}/", "")


def _few_generated(study: Study) -> Study:
    """Reduce the numbers of generated images."""
    data = {
        name: each.model_copy(
            update={"generate": each.generate.model_copy(update={"images": min(each.generate.images, MOST_GENERATED)})}
        )
        if each.generate
        else each
        for name, each in study.data.items()
    }
    return study.model_copy(update={"data": data})
