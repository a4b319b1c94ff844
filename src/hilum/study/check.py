"""Trying a study in miniature before its first step: what would fail after hours of training fails in seconds."""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hilum.artifacts import temporary_directory
from hilum.data.fetching import is_address
from hilum.errors import HilumError, HilumErrors, TrainingFailedError, TrainingFailure
from hilum.pretext.pretrain import refuse_beyond_pool
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
from hilum.study.plan.sweep import required_by_sweeps, trial_problems
from hilum.study.prepared import Prepared, PreparedStudy

MOST_GENERATED = 150
"""Images of a generated data set: enough for findings that are not rare, made in seconds."""


TEMPORARY = "hilum-check"


@dataclass(frozen=True)
class Problem:
    """What would stop a study, or an arm of it.

    Attributes:
        arm: whose it is; None where it is the whole study's.
        step: in which it was met, as the plan calls it; "before the first step" for what needs no step.
        message: what was found, and what fixes it.
        code: "diverged" or "collapsed", where a training came to nothing by its own train_state: the study can run, and
            would leave this arm out. None of what stops the study.
    """

    arm: str | None
    step: str
    message: str
    code: TrainingFailure | None = None

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{f'arms.{self.arm}, ' if self.arm else ''}{self.step}: {self.message}"


@dataclass
class CheckResult:
    """What a miniature of a study showed.

    Attributes:
        arms: that were tried, one of each kind.
        images: that were decoded.
        seconds: of each step that was tried, by title, in order.
        problems: of all arms; empty where every step ran.
    """

    arms: list[str]
    images: int
    seconds: dict[str, float] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def warnings(self) -> list[Problem]:
        """Arms that a study would leave out and go on; none where no arm would be left."""
        warned = [problem for problem in self.problems if problem.code is not None and problem.arm is not None]
        return warned if {problem.arm for problem in warned} < set(self.arms) else []

    def raise_problems(self, *, but_warnings: bool = False) -> None:
        """Refuse a study that cannot run to its end.

        Args:
            but_warnings: arms that would be left out are no reason.

        Raises:
            HilumErrors: all problems.
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
    """Read a study's data and run all of its steps in miniature; leaves nothing behind.

    Args:
        study: the study.
        roots: folder of each data set that is not generated; of those a few images are generated.
        allow_missing: as in `hilum.study.execution.run.run_study`.
        workers: threads that decode images and prepare batches.
        on_progress: receives the steps done.

    Raises:
        HilumError: tables that cannot be read, a folder that is not there, a split that leaves a part empty.
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
    """Run all steps of a study in miniature, in a temporary directory that is deleted afterwards.

    Of several label fractions of a task the smallest is tried. One arm of each kind is tried
    (`hilum.study.miniature`), with the functions that run the study. An arm that fails hides no other: the steps that
    judge run without it. Not tried are the memory that whole batches take, and the files that no part of the miniature
    needs.

    Args:
        prepared: the study's data.
        workers, on_progress: as in `check_study`.
        runs_here: the study will run on this machine, so that its memory must do for the trials of sweeps.
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
    """Every task by itself, at its smallest label fraction; what they share is tried with each."""
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
    """What needs no step to be known, of all arms: nothing that was cut away hides it."""
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
                refuse_beyond_pool(resolved_pretraining(study, init, images).settings.batch_size, images)
            except HilumError as error:
                problems.append(Problem(arm, BEFORE, str(error)))
    return problems


class _Trial:
    """A miniature on its way through the steps."""

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
        """Try every step that can be tried after what failed before it."""
        for done, step in enumerate(self._steps):
            on_progress(done, len(self._steps), step.title)
            going_on = self._training(step) if step.kind in _OF_ARMS else self._shared(step)
            if not going_on:
                break
        on_progress(len(self._steps), len(self._steps), "")

    def _training(self, step: Step) -> bool:
        if any(arm not in self._failed for arm in self._arms_of(step)):
            self._try(step, self._arms_of(step), lambda: self._perform(step))
        return True

    def _shared(self, step: Step) -> bool:
        """Whether the steps behind it can be tried."""
        if step.kind == "generate":
            return True
        if step.kind in ("store", "baselines"):
            return self._try(step, [], lambda: self._perform(step))
        if len(self._failed) == len(self._small.study.arms):
            return False
        if step.kind == "evaluate":
            return self._try(step, [], lambda: evaluate_task(self._judged(), self._out, silent))
        if step.kind == "explain":
            return self._explain(step)
        self._try(step, [], lambda: write_report(report_content(self._judged(), self._out, self._steps), self._out))
        return True

    def _explain(self, step: Step) -> bool:
        """Each arm by itself where both together fail, so that it is known whose fault it is; the report goes on."""
        study = self._judged().study
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
        judged = explained_miniature(self._judged())
        if judged.study.explain is None:
            return
        explain = judged.study.explain.model_copy(update={"arms": arms})
        few = replace(judged, study=judged.study.model_copy(update={"explain": explain}))
        explain_arms(few, store_of(self._out, few.study.labelled_data), self._out, self._out / "explain", silent)

    def _perform(self, step: Step) -> None:
        perform(step, self._small, self._out, self._workers, silent)

    def _judged(self) -> Prepared:
        failed = [FailedArm(arm, "diverged", "", each.message) for arm, each in self._failed.items()]
        return without_failed(self._small, failed)

    def _arms_of(self, step: Step) -> list[str]:
        study = self._small.study
        if step.arm is not None:
            return [step.arm]
        return [arm for arm in study.arms if step.directory in pretraining_directories(study, arm, study.seeds[0])]

    def _try(
        self, step: Step, arms: list[str], work: Callable[[], object], *, fails: bool = True, report: bool = True
    ) -> bool:
        """Whether it went well; what went wrong is noted for each arm, and those that fail are left out from now on."""
        began = time.monotonic()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever would stop the study later is what is looked for
            message = self._in_words(step, error)
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

    def _in_words(self, step: Step, error: Exception) -> str:
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


_OF_ARMS = ("pretrain", "supervise", "sweep", "finetune", "external")


def _few_generated(study: Study) -> Study:
    """The same with fewer generated images."""
    data = {
        name: each.model_copy(
            update={"generate": each.generate.model_copy(update={"images": min(each.generate.images, MOST_GENERATED)})}
        )
        if each.generate
        else each
        for name, each in study.data.items()
    }
    return study.model_copy(update={"data": data})
