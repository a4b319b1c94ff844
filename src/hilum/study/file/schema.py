"""Schema of a study file; docs/reference/study_file.md is generated from these models."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, cast

from pydantic import (
    Discriminator,
    Field,
    PositiveInt,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hilum.data.fetching import Address, address_problem, is_address
from hilum.declared import Seed
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig, NBootstrap
from hilum.evaluation.settings import EvaluationSettings, Margin, MinGroup, MinPositivePatients, ReadingOptions
from hilum.report.layouts.config import read_layout
from hilum.study.file.explain import Explanation, check_explanation, explained_arms
from hilum.study.file.finetuning import Features, Finetuning
from hilum.study.file.pretraining import Pretrained, Pretraining, Supervised, WeightsName, kind_of_start
from hilum.study.file.section import FindingName, Name, Section, declared_field
from hilum.study.file.sweep import Sweep
from hilum.study.file.task import Task
from hilum.threshold_rule import parse_rule
from hilum.training.settings import Precision


def _kind_of_named_start(start: object) -> str:
    for kind in ("supervise", "pretrain"):
        if kind in start if isinstance(start, dict) else hasattr(start, kind):
            return f"<{kind}>"
    return "<weights>"


class Generated(Section):
    """Synthetic radiographs in place of real ones, written in the data set's native layout."""

    images: int = Field(ge=1, le=10_000_000, description="Number of images.")
    size: int = Field(128, ge=32, le=1024, description="Side length of the images in pixels.")
    seed: Seed = Field(0, description="Random seed of the synthetic patients.")
    min_prevalence: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Minimum fraction of images that show each finding. Default: the rates of ChestX-ray14.",
    )
    max_findings: PositiveInt | None = Field(
        None,
        description="Maximum number of findings per image; the most severe are kept. Default: no limit. Not supported "
        "by the layouts `vindr_cxr`, `vinbigdata`, `uka_cxr`, `kermany`, `tbx11k` and `gb7_flg`.",
    )


class UsableImages(Section):
    """Images of a data set that the study may use, for tasks and for pretraining; by default all."""

    views: Literal["frontal"] | list[str] = Field([], description="`frontal`, or a list of views to keep (PA, AP, …).")
    lists: list[Literal["train", "val", "test", "train_val"]] = Field(
        [], description="Parts of the data set's official split to keep; images outside these parts are excluded."
    )


class DataSet(Section):
    """One data set; its folder is given by `--data NAME=ROOT`."""

    collection: str = Field(
        "",
        description="Native layout of the files, such as `chestxray14` or `folder`; `hilum findings` lists all. "
        "Required unless `pool` is set.",
    )
    pool: list[str] | None = Field(
        None,
        min_length=2,
        description="Names of data sets of this study to combine into one. Short form: `task.on: [a, b]`.",
    )
    labels: Path | None = Field(
        None, description="CSV table of labels (`folder` only); path relative to ROOT, or absolute."
    )
    release: Literal["2017", "2020"] | None = Field(
        None, description="Label release (`chestxray14` only). Default: the release found in the folder."
    )
    labeller: Literal["chexpert", "negbio", "radiologist"] | None = Field(
        None, description="Source of the labels (`mimic_cxr_jpg` only). Default: the first one found in the folder."
    )
    issuer: str | None = Field(
        None,
        pattern=r"^[\w.-]+$",
        description="Issuer of the patient ids (`folder` only), as DICOM Issuer of Patient ID. Equal ids of one issuer "
        "are the same patient, in this study and in all others. Default: the name of the data set.",
    )
    hash_patients: bool = Field(
        False,
        description="Replace the ids of patients, studies and images by salted pseudonyms in all output files "
        "(`folder`, `uka_cxr` and `gb7_flg`). Cards of weights always hold pseudonyms.",
    )
    unknown_patients: Literal["refuse", "leave_out", "own_patients"] = Field(
        "refuse",
        description="Images without a patient id in a study whose other images have ids (they may show test patients): "
        "`refuse` to pretrain on them, `leave_out` of all pretraining, or treat each as a separate patient "
        "(`own_patients`; stated in the plan and the report).",
    )
    only: list[FindingName] | None = Field(
        None, description="Keep only images that are positive for at least one of these findings."
    )
    images: UsableImages = Field(
        UsableImages(),
        description="Images that the study may use. (`task.images` selects images for the task only; pretraining still "
        "uses the others.)",
    )
    generate: Generated | None = Field(None, description="Generate synthetic radiographs instead of reading real ones.")
    url: str | None = Field(
        None,
        description="URL of the folder, used where `--data` does not name one: an archive (zip, tar) at `https://`, "
        "`s3://`, `gs://` or `file://`, or a folder at the last three. Downloaded once by `hilum study run` or `hilum "
        "study fetch`. See "
        "[fetched data and weights](../how-to/cluster.md#data-and-weights-at-urls).",
    )
    sha256: str | None = Field(
        None, pattern="^[0-9a-fA-F]{64}$", description="Expected SHA-256 checksum of the archive at `url`."
    )

    @property
    def address(self) -> Address | None:
        """URL and checksum of the data set; None without a `url`."""
        return None if self.url is None else Address(self.url, self.sha256)

    @model_validator(mode="after")
    def _fetchable(self) -> Self:
        if self.url is None and self.sha256 is not None:
            raise ValueError("sha256 is the checksum of the archive at `url`, and no url is set")
        if self.url is not None and self.generate is not None:
            raise ValueError("generate and url are both set; keep one")
        if self.url is not None:
            if not is_address(self.url):
                raise ValueError(f"url {self.url[:80]!r} is not a URL; give a local folder by --data NAME=ROOT")
            if self.pool is not None:
                raise ValueError("a pool has no url; set it for the data sets of the pool")
            if problem := address_problem(str(Address(self.url, self.sha256))):
                raise ValueError(f"url: {problem}")
        return self


Init: TypeAlias = str | Pretrained | Supervised


class NamedWeights(Section):
    """A named start: published weights, or weights in a directory."""

    encoder: str = Field(description="Architecture, such as `resnet18`; `hilum encoders` lists all.")
    weights: WeightsName = Field(
        "random",
        description="`random`, a name from `hilum weights list`, a directory with encoder.safetensors and card.json, "
        "or `{url: URL, sha256: HEX}` of an archive of such a directory.",
    )

    @property
    def init(self) -> Init:
        """The start as the value of `arms.NAME.init`."""
        return self.weights


class NamedPretrained(Pretrained):
    """A named start: self-supervised pretraining. All keys of [Pretrained](#pretrained), and the encoder."""

    encoder: str = Field(description="Architecture, such as `resnet18`; `hilum encoders` lists all.")

    @property
    def init(self) -> Init:
        """The start as the value of `arms.NAME.init`."""
        return Pretrained.model_validate(self.model_dump(exclude_unset=True, exclude={"encoder"}))


class NamedSupervised(Supervised):
    """A named start: supervised pretraining. All keys of [Supervised](#supervised), and the encoder."""

    encoder: str = Field(description="Architecture, such as `resnet18`; `hilum encoders` lists all.")

    @property
    def init(self) -> Init:
        """The start as the value of `arms.NAME.init`."""
        return Supervised.model_validate(self.model_dump(exclude_unset=True, exclude={"encoder"}))


NamedStart = Annotated[
    Annotated[NamedWeights, Tag("<weights>")]
    | Annotated[NamedPretrained, Tag("<pretrain>")]
    | Annotated[NamedSupervised, Tag("<supervise>")],
    Discriminator(_kind_of_named_start),
]


class Arm(Section):
    """One model configuration: encoder, initial weights and fine-tuning. The study compares its arms."""

    encoder: str = Field(
        "",
        description="Architecture, such as `resnet18`; `hilum encoders` lists all. Required unless `start` or "
        "`features` is set.",
    )
    start: str | None = Field(None, description="Name of one of `starts`, in place of `encoder` and `init`.")
    init: Annotated[
        Annotated[Literal["random"], Tag("<random>")]
        | Annotated[Pretrained, Tag("<pretrain>")]
        | Annotated[Supervised, Tag("<supervise>")]
        | Annotated[WeightsName, Tag("<weights>")],
        Discriminator(kind_of_start),
    ] = Field(
        "random",
        description="Initial weights: `random`; `{pretrain: METHOD, on: DATA}`; `{supervise: TASK}`; published weights "
        "such as `imagenet1k` (`hilum weights list`); a directory with encoder.safetensors; or `{url: URL, sha256: "
        "HEX}` of an archive of such a directory.",
    )
    features: Features | None = Field(
        None,
        description="Precomputed features in place of `encoder`: a table of feature vectors by image id, such as "
        "`features: rad_dino.parquet`, or a section.",
    )
    tasks: list[str] | None = Field(
        None, min_length=1, description="Names of the tasks to train this arm on. Default: all."
    )
    finetune: Finetuning = Field(
        Finetuning(), description="Fine-tuning settings of this arm; they override the study's `finetune`."
    )
    sweep: Sweep | None = Field(
        None, description="Hyperparameter sweep of this arm in place of the study's; `null`: no sweep."
    )


class Evaluation(Section):
    """Evaluation on the test images: metrics, confidence intervals and comparisons."""

    reference: str | None = Field(
        None, description="Reference arm of all comparisons. Default: the first arm. See also `compare`."
    )
    n_bootstrap: NBootstrap = declared_field(BootstrapConfig, "n_bootstrap")
    min_positive_patients: MinPositivePatients = declared_field(EvaluationSettings, "min_positive_patients")
    family: Literal["task", "all_tasks"] = Field(
        "task",
        description="Family of tests whose p-values are adjusted together (Benjamini-Hochberg): those of one `task`, "
        "or those of `all_tasks` and label fractions.",
    )
    seed: Seed = declared_field(BootstrapConfig, "seed")
    threshold: str = declared_field(ReadingOptions, "threshold")
    margin: Margin = declared_field(EvaluationSettings, "margin")
    seed_inference: Literal["obuchowski_rockette", "bootstrap"] = Field(
        "obuchowski_rockette",
        description="Inference over seeds: seeds as random readers (`obuchowski_rockette`), or resampled together with "
        "the patients (`bootstrap`). See [seeds](../explanation/statistics.md#seeds).",
    )
    at_specificity: float | None = Field(
        0.9,
        gt=0,
        lt=1,
        description="Specificity at which the sensitivities of the arms are compared, with the threshold of each arm "
        "taken from its own test ROC curve; `null`: no such comparison.",
    )
    looks: int = Field(
        1,
        ge=1,
        le=20,
        description="Planned number of looks at the results while seeds are added (`hilum study extend`), as in a "
        "group sequential design: the significance level of 5 % is divided over them.",
    )
    spending: Literal["obrien_fleming", "pocock"] = Field(
        "obrien_fleming",
        description="Alpha-spending function over the looks: `obrien_fleming` (small at first) or `pocock` (about "
        "equal).",
    )
    metrics: list[str] = Field(
        [],
        description="Additional metrics: `sensitivity_at_specificity_S`, such as `sensitivity_at_specificity_0.9`, or "
        "metrics of installed extension packages.",
    )
    min_group: MinGroup = declared_field(EvaluationSettings, "min_group")
    contaminated: Literal["refuse", "mark"] = Field(
        "refuse",
        description="Data leakage: arms whose initial weights were, or may have been, trained on test patients. "
        "`refuse` to run the study, or run it and `mark` these arms in every table.",
    )


class Study(Section):
    """A study file: data, tasks, the arms to compare, and how they are trained and evaluated."""

    question: str = Field(min_length=1, description="Research question; title of the report.")
    data: dict[Name, DataSet] = Field(min_length=1, description="Data sets by name.")
    preprocess: list[Any] | str = Field(
        min_length=1,
        description="Preprocessing steps to square 8-bit images, in order: `{square: pad}` (or `crop`, `stretch`), "
        "`{resize: SIDE}`, `min_max`, `clahe`, `equalize`; or the name of a published study's recipe. See "
        "[preprocessing](../how-to/preprocessing.md).",
    )
    task: Task = Field(  # None where `tasks` is set instead; never None in the studies that `views_of` returns
        cast(Task, None), description="Classification task, in a study with one task; otherwise use `tasks`."
    )
    tasks: dict[Name, Task] = Field(
        {}, description="Several tasks by name, in place of `task`; results are reported for each and over all."
    )
    starts: dict[Name, NamedStart] = Field(
        {},
        description="Initial encoders by name; each is trained once and shared by all arms and tasks that name it.",
    )
    arms: dict[Name, Arm] = Field(min_length=1, description="Model configurations to compare, by name.")
    pretrain: Pretraining = Field(Pretraining(), description="Settings of all self-supervised pretraining.")
    finetune: Finetuning = Field(Finetuning(), description="Settings of all fine-tuning.")
    sweep: Sweep | None = Field(
        None, description="Hyperparameter sweep of each arm before its fine-tuning; selected on validation images."
    )
    precision: Precision = Field(
        "auto",
        description="Numeric precision of training. `auto`: bf16 autocast where the hardware supports it, else fp32.",
    )
    seeds: list[Seed] = Field([0, 1, 2], min_length=1, description="Random seeds; every arm is trained once per seed.")
    compare: list[tuple[str, str]] = Field(
        [],
        description="Pairs of arms to compare, `[[A, B], …]`: A minus B. Default: every arm with `evaluate.reference`.",
    )
    evaluate: Evaluation = Field(Evaluation(), description="Evaluation on the test images.")
    explain: Explanation | None = Field(
        Explanation(), description="Heat maps and feature embeddings in the report; `null`: none."
    )

    layout: str | None = Field(
        None,
        description="Additional tables and figures in the layout of a published study, with its numbers beside this "
        "study's: `elwirehardja2025`, `gowtham2023`, `kivotova2021`, `tayebiarasteh2024`, `toh2023`, or a layout file. "
        "See [published studies](../how-to/published_studies.md).",
    )

    protocol: Literal["hilum", "published"] = Field(
        "hilum",
        description="`published`: apply the overrides listed under `published`, which follow the paper instead of "
        "Hilum's rules. Same as `--protocol published`.",
    )
    published: dict[str, Any] = Field(
        {},
        description="Values of the reproduced paper where this study differs from it, by dotted key such as "
        "`task.split`.",
    )

    @field_validator("layout")
    @classmethod
    def _known_layout(cls, layout: str | None) -> str | None:
        if layout is not None:
            try:
                read_layout(layout)
            except HilumError as error:
                raise ValueError(" ".join(str(error).split())) from None
        return layout

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} contains a seed twice")
        return seeds

    @field_validator("evaluate")
    @classmethod
    def _known_rule(cls, evaluate: Evaluation) -> Evaluation:
        try:
            parse_rule(evaluate.threshold)
        except HilumError as error:
            raise ValueError(f"threshold: expected {error.expected}; found {error.found}") from None
        return evaluate

    @field_validator("explain")
    @classmethod
    def _known_arms(cls, explain: Explanation | None, info: ValidationInfo) -> Explanation | None:
        if explain is not None and "arms" in info.data:
            evaluate = info.data.get("evaluate")
            check_explanation(explain, info.data["arms"], evaluate.reference if evaluate else None)
        return explain

    _place: str = PrivateAttr("")
    _whole: "Study | None" = PrivateAttr(None)

    @property
    def place(self) -> str:
        """Folder of this task and label fraction, relative to the study's directory; empty for a study of one task."""
        return self._place

    @property
    def whole(self) -> "Study":
        """The study file that this task belongs to; the study itself where it has one task."""
        return self._whole or self

    def placed(self, place: str, whole: "Study") -> "Study":
        """Return a copy as one task of a study file; see `hilum.study.file.views`."""
        placed = self.model_copy()
        placed._place, placed._whole = place, whole
        return placed

    @property
    def labelled_data(self) -> str:
        """Name of the data set of the task."""
        return self.task.on or next(iter(self.data))

    @property
    def data_in_folders(self) -> list[str]:
        """Names of the data sets read from folders: neither generated nor pooled."""
        return [name for name, data in self.data.items() if data.generate is None and data.pool is None]

    @property
    def pretraining_data(self) -> list[str]:
        """Names of all data sets used for pretraining, in the order of the arms."""
        names = [name for arm in self.arms for name in self.data_before(arm)]
        return list(dict.fromkeys(names))

    def data_before(self, arm: str) -> list[str]:
        """Return the names of the data sets that an arm is pretrained on in this study."""
        init, names = self.arms[arm].init, list[str]()
        while isinstance(init, Pretrained | Supervised):
            names = [*(init.fractions if isinstance(init, Pretrained) else [self.supervised_data(init)]), *names]
            init = init.start
        return list(dict.fromkeys(names))

    def supervised_data(self, init: Supervised) -> str:
        """Return the name of the data set of a supervised start."""
        if isinstance(init.supervise, str):
            return self.whole.tasks[init.supervise].on or next(iter(self.data))
        return init.supervise.on

    @property
    def reference_arm(self) -> str:
        """Name of the reference arm; with `compare`, the second arm of the first pair."""
        return self.evaluate.reference or (self.compare[0][1] if self.compare else next(iter(self.arms)))

    @property
    def explained_arms(self) -> list[str]:
        """Names of the arms with heat maps; empty with `explain: null`."""
        encoded = [name for name, arm in self.arms.items() if arm.features is None]
        return explained_arms(self.explain, encoded, self.reference_arm) if self.explain and encoded else []

    def finetuning_of(self, arm: str) -> Finetuning:
        """Return the fine-tuning settings of one arm: the study's, overridden by the arm's own."""
        return self.arms[arm].finetune.instead_of(self.finetune)

    def sweep_of(self, arm: str) -> Sweep | None:
        """Return the sweep of one arm: its own, or the study's; None without a sweep."""
        own = self.arms[arm]
        if own.features is not None:
            return None
        return own.sweep if "sweep" in own.model_fields_set else self.sweep

    def starts_from(self, arm: str) -> str:
        """Describe the initial weights of an arm: "random", "mocov2 on ours/train", a name, or a directory."""
        if (features := self.arms[arm].features) is not None:
            return features.title
        words = self.describe_init(self.arms[arm].init)
        return words if self.finetuning_of(arm).train else f"{words}, with its classifier, as published"

    def describe_init(self, init: Init) -> str:
        """Describe a start, as in `starts_from`."""
        if isinstance(init, Supervised):
            before = "" if init.start == "random" else f" from {self.describe_init(init.start)}"
            what = init.supervise if isinstance(init.supervise, str) else f"labels of {init.supervise.on}"
            return f"supervised on {what}{before}"
        if isinstance(init, Pretrained):
            before = "" if init.start == "random" else f" from {self.describe_init(init.start)}"
            named = init.augmentation if isinstance(init.augmentation, str) else "own"
            views = "" if init.augmentation is None else f", {named} views"
            return f"{init.pretrain} on {init.pool(self.labelled_data)}{before}{views}"
        return init

    def weights_of(self, arm: str) -> str | None:
        """Return name or directory of the first weights in an arm's chain of starts; None for random weights."""
        weights = self.arms[arm].init
        while isinstance(weights, Pretrained | Supervised):
            weights = weights.start
        return None if weights == "random" else weights

    def pretraining_epochs(self, init: Pretrained) -> int | None:
        """Return the epochs of one pretraining as set in the file; None where a preset decides."""
        return init.epochs or self.pretrain.epochs
