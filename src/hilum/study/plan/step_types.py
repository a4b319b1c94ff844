"""Steps of a study: one class for each kind of work, and the unions that functions accept."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from hilum.study.file import Pretrained
from hilum.study.file.pretraining import Supervised

StepKind = Literal[
    "generate", "store", "pretrain", "supervise", "sweep", "finetune", "external", "baselines", "evaluate", "across",
    "explain", "report", "overview",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Step:
    """What all steps have.

    Attributes:
        kind: Name of the class in plan.json, in `hilum study plan` and in fingerprints.
        title: Title for display.
        directory: Directory of its files, relative to the study's directory; unique in a study.
        view: Folder of its task and label fraction (`Study.place`), or of the first task that shares the step; empty
            for data steps and steps over all tasks.
        gigaflops: Upper bound of its cost in 10^9 floating-point operations; 0 if negligible.
    """

    kind: ClassVar[StepKind]

    title: str
    directory: str
    view: str = ""
    gigaflops: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GenerateStep(_Step):
    """Generation of the images of the data set `data`."""

    kind = "generate"
    data: str


@dataclass(frozen=True, kw_only=True)
class StoreStep(_Step):
    """Decoding and preprocessing of the images of the data set `data`."""

    kind = "store"
    data: str


@dataclass(frozen=True, kw_only=True)
class PretrainStep(_Step):
    """Pretraining of one start and seed on the pool of `init`; arms with the same start share it."""

    kind = "pretrain"
    init: Pretrained
    encoder: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class SuperviseStep(_Step):
    """Training of one start and seed with the labels of the data set `data`; arms with the same start share it."""

    kind = "supervise"
    init: Supervised
    encoder: str
    seed: int
    data: str


@dataclass(frozen=True, kw_only=True)
class _ArmStep(_Step):
    """A step of one arm and seed, on the labelled data set `data` of its task.

    `encoder` is empty for an arm with precomputed features.
    """

    arm: str
    encoder: str
    seed: int
    data: str


@dataclass(frozen=True, kw_only=True)
class SweepStep(_ArmStep):
    """Sweep of an arm's settings, on the first seed."""

    kind = "sweep"


@dataclass(frozen=True, kw_only=True)
class FinetuneStep(_ArmStep):
    """Fine-tuning and scores of an arm; without training, its scores as published or of its features."""

    kind = "finetune"


@dataclass(frozen=True, kw_only=True)
class ExternalStep(_ArmStep):
    """Scores of a fine-tuned arm on the external test sets of its task."""

    kind = "external"


@dataclass(frozen=True, kw_only=True)
class BaselinesStep(_Step):
    """Fitting of the shortcut baselines of a task on its data set `data`."""

    kind = "baselines"
    data: str


@dataclass(frozen=True, kw_only=True)
class EvaluateStep(_Step):
    """Evaluation of all arms of a task."""

    kind = "evaluate"


@dataclass(frozen=True, kw_only=True)
class ExplainStep(_Step):
    """Heat maps and feature embeddings of a task, on images of its data set `data`."""

    kind = "explain"
    data: str


@dataclass(frozen=True, kw_only=True)
class ReportStep(_Step):
    """Report of one task."""

    kind = "report"


@dataclass(frozen=True, kw_only=True)
class AcrossStep(_Step):
    """Evaluation over all tasks."""

    kind = "across"


@dataclass(frozen=True, kw_only=True)
class OverviewStep(_Step):
    """Report over all tasks."""

    kind = "overview"


DataStep: TypeAlias = GenerateStep | StoreStep
"""Steps that provide stored images; all others come after them."""

StartStep: TypeAlias = PretrainStep | SuperviseStep
"""Steps that train the initial weights of arms."""

ArmStep: TypeAlias = SweepStep | FinetuneStep | ExternalStep
"""Steps of one arm."""

EncoderStep: TypeAlias = StartStep | ArmStep
"""Steps with an encoder and a seed."""

TrainingStep: TypeAlias = EncoderStep | BaselinesStep
"""Steps that train or score models on stored images."""

TaskStep: TypeAlias = EvaluateStep | ExplainStep | ReportStep
"""Steps that depend on which arms of their task failed."""

StudyStep: TypeAlias = AcrossStep | OverviewStep
"""Steps over all tasks of a study."""

Step: TypeAlias = DataStep | TrainingStep | TaskStep | StudyStep
"""Any step of a study."""
