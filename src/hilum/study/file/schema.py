"""What a study file may say. The reference in docs/reference/study_file.md is generated from these models."""

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
from hilum.declared import text_of
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.report.layouts.config import read_layout
from hilum.study.file.explain import Explanation, check_explanation, explained_arms
from hilum.study.file.finetuning import Features, Finetuning
from hilum.study.file.pretraining import Pretrained, Pretraining, Supervised, WeightsName, kind_of_start
from hilum.study.file.section import FindingName, Name, Section, Seed
from hilum.study.file.sweep import Sweep
from hilum.study.file.task import Task
from hilum.threshold_rule import check_rule
from hilum.training.settings import Precision


def _kind_of_named_start(start: object) -> str:
    for kind in ("supervise", "pretrain"):
        if kind in start if isinstance(start, dict) else hasattr(start, kind):
            return f"<{kind}>"
    return "<weights>"


class Generated(Section):
    """Radiographs to generate instead of reading real ones, written in the data set's native layout."""

    images: int = Field(ge=1, le=10_000_000, description="How many images.")
    size: int = Field(128, ge=32, le=1024, description="Side of the images in pixels.")
    seed: Seed = Field(0, description="Another seed gives other patients.")
    min_prevalence: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="Share of images to which every rarer finding is raised; the rates of ChestX-ray14 when left out.",
    )
    max_findings: PositiveInt | None = Field(
        None,
        description="So many findings of an image stay, the most severe; all when left out. Not in the layouts "
        "`vindr_cxr`, `vinbigdata`, `uka_cxr`, `kermany`, `tbx11k` and `gb7_flg`.",
    )


class UsableImages(Section):
    """Which images of a data set the study may use at all, for tasks and for pretraining; all of them when left out."""

    views: Literal["frontal"] | list[str] = Field([], description="`frontal`, or the views to keep.")
    lists: list[Literal["train", "val", "test", "train_val"]] = Field(
        [], description="Parts of the data set's own list to keep; images on no list go, too."
    )


class DataSet(Section):
    """One data set of the study; `--data NAME=ROOT` gives its folder."""

    collection: str = Field(
        "",
        description="Native layout, such as `chestxray14` or `folder`; `hilum findings` lists them all. Needed but for "
        "a `pool`.",
    )
    pool: list[str] | None = Field(
        None,
        min_length=2,
        description="Data sets of this study that are one for the tasks that are on it; `task.on: [a, b]` is short for "
        "such a pool.",
    )
    labels: Path | None = Field(None, description="CSV with labels (`folder` only), relative to ROOT or absolute.")
    release: Literal["2017", "2020"] | None = Field(
        None, description="Label release (`chestxray14` only); the one that is there when left out."
    )
    labeller: Literal["chexpert", "negbio", "radiologist"] | None = Field(
        None, description="Who made the labels (`mimic_cxr_jpg` only); the first that is there when left out."
    )
    issuer: str | None = Field(
        None,
        pattern=r"^[\w.-]+$",
        description="Who gave the patients their numbers (`folder` only): data sets of one issuer share patients, in "
        "this study and in every other. The data set's name when left out.",
    )
    hash_patients: bool = Field(
        False,
        description="Name patients, studies and images by pseudonyms in all that the study leaves, under your own salt "
        "(`folder`, `uka_cxr` and `gb7_flg`). Weights name patients by pseudonyms in any case.",
    )
    unknown_patients: Literal["refuse", "leave_out", "own_patients"] = Field(
        "refuse",
        description="Images without a patient id, in a study whose other images have ids, may be of test patients: "
        "refuse to pretrain on them, leave them out of every pool, or count each as a patient of its own, which the "
        "plan and the report then say.",
    )
    only: list[FindingName] | None = Field(
        None, description="Keep only images positive for at least one of these findings."
    )
    images: UsableImages = Field(
        UsableImages(),
        description="Which images the study may use at all. `task.images` chooses among them for the task alone: "
        "pretraining sees the others, too.",
    )
    generate: Generated | None = Field(None, description="Generate the radiographs instead of reading them.")
    url: str | None = Field(
        None,
        description="Where the folder is to be had, for machines on which `--data` does not name it: an archive (zip, "
        "tar) at `https://`, `s3://`, `gs://` or `file://`, or a folder at the last three. `hilum study run` and "
        "`hilum study fetch` fetch it once. See "
        "[fetched data and weights](../how-to/cluster.md#data-and-weights-at-urls).",
    )
    sha256: str | None = Field(
        None, pattern="^[0-9a-fA-F]{64}$", description="Checksum of the archive at `url`, which must then have it."
    )

    @property
    def address(self) -> Address | None:
        """Where it is fetched from; None where it is given by hand or generated."""
        return None if self.url is None else Address(self.url, self.sha256)

    @model_validator(mode="after")
    def _fetchable(self) -> Self:
        if self.url is None and self.sha256 is not None:
            raise ValueError("sha256 is of an archive at `url`, and there is none")
        if self.url is not None and self.generate is not None:
            raise ValueError("a data set is generated or fetched from a url, not both")
        if self.url is not None:
            if not is_address(self.url):
                raise ValueError(f"url {self.url[:80]!r} is no URL; give a folder of this machine by --data NAME=ROOT")
            if self.pool is not None:
                raise ValueError("a pool has no url of its own; its data sets have")
            if problem := address_problem(str(Address(self.url, self.sha256))):
                raise ValueError(f"url: {problem}")
        return self


Init: TypeAlias = str | Pretrained | Supervised


class NamedWeights(Section):
    """A start of published weights, or of a directory."""

    encoder: str = Field(description="Architecture, such as `resnet18`.")
    weights: WeightsName = Field(
        "random",
        description="`random`, a name of `hilum weights list`, a directory, or `{url: URL, sha256: HEX}` of an archive "
        "with encoder.safetensors and card.json.",
    )

    @property
    def init(self) -> Init:
        """As an arm says it."""
        return self.weights


class NamedPretrained(Pretrained):
    """A start that the study pretrains without labels; all keys of [Pretrained](#pretrained), and the encoder."""

    encoder: str = Field(description="Architecture, such as `resnet18`.")

    @property
    def init(self) -> Init:
        """As an arm says it."""
        return Pretrained.model_validate(self.model_dump(exclude_unset=True, exclude={"encoder"}))


class NamedSupervised(Supervised):
    """A start that the study trains with labels; all keys of [Supervised](#supervised), and the encoder."""

    encoder: str = Field(description="Architecture, such as `resnet18`.")

    @property
    def init(self) -> Init:
        """As an arm says it."""
        return Supervised.model_validate(self.model_dump(exclude_unset=True, exclude={"encoder"}))


NamedStart = Annotated[
    Annotated[NamedWeights, Tag("<weights>")]
    | Annotated[NamedPretrained, Tag("<pretrain>")]
    | Annotated[NamedSupervised, Tag("<supervise>")],
    Discriminator(_kind_of_named_start),
]


class Arm(Section):
    """One way to train; arms are what the study compares."""

    encoder: str = Field(
        "",
        description="Architecture, such as `resnet18`; `hilum encoders` lists them. Needed unless `start` or "
        "`features` is there.",
    )
    start: str | None = Field(None, description="One of `starts`, instead of `encoder` and `init`.")
    init: Annotated[
        Annotated[Literal["random"], Tag("<random>")]
        | Annotated[Pretrained, Tag("<pretrain>")]
        | Annotated[Supervised, Tag("<supervise>")]
        | Annotated[WeightsName, Tag("<weights>")],
        Discriminator(kind_of_start),
    ] = Field(
        "random",
        description="`random`; `{pretrain: METHOD, on: DATA}`; `{supervise: TASK}`; the name of published weights "
        "(`hilum weights list`), such as `imagenet1k`; a directory with encoder.safetensors; or `{url: URL, "
        "sha256: HEX}` of an archive of such a directory.",
    )
    features: Features | None = Field(
        None,
        description="Features from elsewhere in the place of `encoder`: a table of vectors by image id, "
        "`features: rad_dino.parquet`, or a section.",
    )
    tasks: list[str] | None = Field(None, min_length=1, description="Tasks that it is trained on; all when left out.")
    finetune: Finetuning = Field(Finetuning(), description="Settings of this arm instead of the study's `finetune`.")
    sweep: Sweep | None = Field(None, description="Sweep of this arm instead of the study's; null: none.")


class Evaluation(Section):
    """How results are judged."""

    reference: str | None = Field(
        None, description="Arm that the others are compared with; the first when left out. See `compare`, too."
    )
    n_bootstrap: int = Field(
        BootstrapConfig.n_bootstrap, ge=100, le=1_000_000, description=text_of(BootstrapConfig, "n_bootstrap")
    )
    min_positive_patients: PositiveInt = Field(
        EvaluationSettings.min_positive_patients, description=text_of(EvaluationSettings, "min_positive_patients")
    )
    family: Literal["task", "all_tasks"] = Field(
        "task",
        description="Tests whose p-values are adjusted together (Benjamini-Hochberg): those of one task, or of all "
        "tasks and label fractions.",
    )
    seed: Seed = Field(BootstrapConfig.seed, description=text_of(BootstrapConfig, "seed"))
    threshold: str = Field(ReadingOptions.threshold, description=text_of(ReadingOptions, "threshold"))
    margin: float | None = Field(EvaluationSettings.margin, gt=0, description=text_of(EvaluationSettings, "margin"))
    seed_inference: Literal["obuchowski_rockette", "bootstrap"] = Field(
        "obuchowski_rockette",
        description="How arms with several seeds are compared: seeds as random readers (`obuchowski_rockette`), or "
        "resampled with the patients (`bootstrap`). See [seeds](../explanation/statistics.md#seeds).",
    )
    at_specificity: float | None = Field(
        0.9,
        gt=0,
        lt=1,
        description="Specificity at which the arms' sensitivities are compared, each arm's threshold read off its own "
        "curve on the test images; null: not at all.",
    )
    looks: int = Field(
        1,
        ge=1,
        le=20,
        description="How many times the results will be looked at while seeds are added (`hilum study extend`), stated "
        "beforehand: the 5 % are spread over so many looks.",
    )
    spending: Literal["obrien_fleming", "pocock"] = Field(
        "obrien_fleming",
        description="How the 5 % are spread over the looks: little at first (`obrien_fleming`), or alike (`pocock`).",
    )
    metrics: list[str] = Field(
        [],
        description="Metrics to measure beside Hilum's own: `sensitivity_at_specificity_0.9`, or what an installed "
        "package adds.",
    )
    min_group: PositiveInt = Field(EvaluationSettings.min_group, description=text_of(EvaluationSettings, "min_group"))
    contaminated: Literal["refuse", "mark"] = Field(
        "refuse",
        description="Arms whose starting weights were, or may have been, trained on test patients: refuse to run "
        "the study, or "
        "run it and mark these arms in every table.",
    )


class Study(Section):
    """A whole comparison."""

    question: str = Field(min_length=1, description="What the study answers; the title of the report.")
    data: dict[Name, DataSet] = Field(min_length=1, description="Data sets by name.")
    preprocess: list[Any] | str = Field(
        min_length=1,
        description="Steps from image to square 8-bit pixels, in order: `{square: pad}` (or `crop`, `stretch`), "
        "`{resize: SIDE}`, `min_max`, `clahe`, `equalize`; or the name of a published study's recipe. See "
        "[preprocessing](../how-to/preprocessing.md).",
    )
    task: Task = Field(  # in words None where `tasks` are there instead, and never so in what `views_of` gives
        cast(Task, None), description="What is to be recognised, in a study of one task; else `tasks`."
    )
    tasks: dict[Name, Task] = Field(
        {}, description="Several tasks by name, instead of `task`; results are given for each, and over all."
    )
    starts: dict[Name, NamedStart] = Field(
        {},
        description="Encoders to start from, by name: each is made once and shared by all arms and tasks that name it.",
    )
    arms: dict[Name, Arm] = Field(min_length=1, description="What is compared, by name.")
    pretrain: Pretraining = Field(Pretraining(), description="Settings of all pretraining.")
    finetune: Finetuning = Field(Finetuning(), description="Settings of all training with labels.")
    sweep: Sweep | None = Field(
        None, description="Settings of training with labels that every arm tries first; validation images choose."
    )
    precision: Precision = Field(
        "auto", description="`auto`: bf16 autocast where the machine computes it natively, else fp32."
    )
    seeds: list[Seed] = Field([0, 1, 2], min_length=1, description="Replicates of every arm.")
    compare: list[tuple[str, str]] = Field(
        [],
        description="Pairs of arms to compare, `[[A, B], …]`: A minus B. When left out, all with `evaluate.reference`.",
    )
    evaluate: Evaluation = Field(Evaluation(), description="How results are judged.")
    explain: Explanation | None = Field(
        Explanation(), description="Heat-maps and images by likeness on the report's page; null: none."
    )

    layout: str | None = Field(
        None,
        description="Tables and figures of a published study in its own layout, its numbers beside this study's: "
        "`elwirehardja2025`, `gowtham2023`, `kivotova2021`, `tayebiarasteh2024`, `toh2023`, or a layout file. See "
        "[published studies](../how-to/published_studies.md).",
    )

    protocol: Literal["hilum", "published"] = Field(
        "hilum",
        description="`published`: the paper's own rules, as `published` lists them, instead of Hilum's. `--protocol "
        "published` says the same.",
    )
    published: dict[str, Any] = Field(
        {},
        description="Where the study departs from the paper that it repeats: by dotted key, such as `task.split`, what "
        "the paper does.",
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
            raise ValueError(f"{seeds} repeats a seed; replicates need different ones")
        return seeds

    @field_validator("evaluate")
    @classmethod
    def _known_rule(cls, evaluate: Evaluation) -> Evaluation:
        try:
            check_rule(evaluate.threshold)
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
        """Folder, in the study's directory, of the files of this task and label fraction; empty for that directory."""
        return self._place

    @property
    def whole(self) -> "Study":
        """The study file that this is a task of; itself where it has one task."""
        return self._whole or self

    def placed(self, place: str, whole: "Study") -> "Study":
        """The same as a task of a study file; see `hilum.study.file.views`."""
        placed = self.model_copy()
        placed._place, placed._whole = place, whole
        return placed

    @property
    def labelled_data(self) -> str:
        """Name of the data set that the task is on."""
        return self.task.on or next(iter(self.data))

    @property
    def data_in_folders(self) -> list[str]:
        """Names of the data sets whose folder the user names: neither generated nor pooled of others."""
        return [name for name, data in self.data.items() if data.generate is None and data.pool is None]

    @property
    def pretraining_data(self) -> list[str]:
        """Names of the data sets that some arm has learnt from before it is fine-tuned, in the order of the arms."""
        names = [name for arm in self.arms for name in self.data_before(arm)]
        return list(dict.fromkeys(names))

    def data_before(self, arm: str) -> list[str]:
        """Names of the data sets that an arm has learnt from, in this study, before it is fine-tuned."""
        init, names = self.arms[arm].init, list[str]()
        while isinstance(init, Pretrained | Supervised):
            names = [*(init.shares if isinstance(init, Pretrained) else [self.supervised_data(init)]), *names]
            init = init.start
        return list(dict.fromkeys(names))

    def supervised_data(self, init: Supervised) -> str:
        """Name of the data set whose labels a start learns."""
        if isinstance(init.supervise, str):
            return self.whole.tasks[init.supervise].on or next(iter(self.data))
        return init.supervise.on

    @property
    def reference_arm(self) -> str:
        """Name of the arm that the others are compared with; of pairs, the second of the first."""
        return self.evaluate.reference or (self.compare[0][1] if self.compare else next(iter(self.arms)))

    @property
    def explained_arms(self) -> list[str]:
        """Arms whose heat-maps are drawn; none where the study says so."""
        encoded = [name for name, arm in self.arms.items() if arm.features is None]
        return explained_arms(self.explain, encoded, self.reference_arm) if self.explain and encoded else []

    def finetuning_of(self, arm: str) -> Finetuning:
        """Settings of one arm: the study's, and what the arm says instead."""
        return self.arms[arm].finetune.instead_of(self.finetune)

    def sweep_of(self, arm: str) -> Sweep | None:
        """The sweep of one arm: its own, or the study's; None where it has none."""
        own = self.arms[arm]
        if own.features is not None:
            return None
        return own.sweep if "sweep" in own.model_fields_set else self.sweep

    def starts_from(self, arm: str) -> str:
        """The initial weights of an arm, in words: "random", "mocov2 on ours/train", a name, or a directory."""
        if (features := self.arms[arm].features) is not None:
            return features.title
        words = self.describe_init(self.arms[arm].init)
        return words if self.finetuning_of(arm).train else f"{words}, with its classifier, as published"

    def describe_init(self, init: Init) -> str:
        """A start in words, as in `starts_from`."""
        if isinstance(init, Supervised):
            before = "" if init.start == "random" else f" from {self.describe_init(init.start)}"
            what = init.supervise if isinstance(init.supervise, str) else f"labels of {init.supervise.on}"
            return f"supervised on {what}{before}"
        if isinstance(init, Pretrained):
            before = "" if init.start == "random" else f" from {self.describe_init(init.start)}"
            views = (
                ""
                if init.augmentation is None
                else f", {init.augmentation if isinstance(init.augmentation, str) else 'own'} views"
            )
            return f"{init.pretrain} on {init.pool(self.labelled_data)}{before}{views}"
        return init

    def weights_of(self, arm: str) -> str | None:
        """Name or directory of the weights that an arm, or its pretraining, starts from; None for random ones."""
        weights = self.arms[arm].init
        while isinstance(weights, Pretrained | Supervised):
            weights = weights.start
        return None if weights == "random" else weights

    def pretraining_epochs(self, init: Pretrained) -> int | None:
        """Epochs of one arm's pretraining; None where a preset says."""
        return init.epochs or self.pretrain.epochs
