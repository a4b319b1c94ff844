"""Content of a report as plain data: tables, predictions, curves, images with heat maps and boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from numpy import floating, uint8
from numpy.typing import NDArray

from hilum.evaluation.predictions import Predictions
from hilum.evaluation.thresholds import Thresholds
from hilum.finetuning.monitoring import StartDifference
from hilum.notes import Note
from hilum.report.render import Section
from hilum.report.sweep_summary import SweepSummary

UNCLASSED = "in no class"
"""Label of images without a class in a grouping; they are drawn gray and listed last."""


RULE_DESCRIPTIONS = {
    "true positive": "positive, and called positive by every model at its precision = recall threshold",
    "most confident": "positive images by their lowest score over the models, highest first",
    "hardest positive": "positive images by their highest score over the models, lowest first",
    "hardest negative": "negative images by their lowest score over the models, highest first",
    "random": "positive images drawn at random",
}
"""Descriptions of the rules of `hilum.explanation.selection.RULES`."""


@dataclass(frozen=True)
class Embedding:
    """Two-dimensional projection of the features of images.

    Args:
        method: "t-SNE", "UMAP".
        about: Model of the features and class separation (silhouette, k-NN purity); one sentence each.
        points: `image_id, x, y, label` (one class per image; null: `UNCLASSED`), one row per image. Optional column
            `thumbnail`: encoded image (JPEG, PNG or WebP bytes; null for none).
        classes: Name of the grouping of images into classes, where one method has several plots.
        arm: Arm of the features, where there are several.
    """

    method: str
    about: Sequence[str]
    points: pl.DataFrame
    classes: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Box:
    """Annotated box of a finding as fractions of the image's sides, 0 to 1, from the upper left corner."""

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Case:
    """One image of the case browser. Labels and scores are taken from `ReportContent.predictions`.

    Args:
        image_id: Image id as in the predictions.
        image: Pixels, (H, W), 0 to 255.
        heat: Heat maps by arm and finding, (h, w) of any resolution, at least 0; each is scaled to its own maximum.
        boxes: Annotated boxes.
        about: Short description: view, age, origin.
        chosen: Selection rule of the image by finding (`hilum.explanation.selection.RULES`).
    """

    image_id: str
    image: NDArray[uint8]
    heat: Mapping[tuple[str, str], NDArray[floating]] = field(default_factory=dict)
    boxes: Sequence[Box] = ()
    about: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)


SIGNIFICANT = 0.05
"""Significance level of adjusted p-values."""


@dataclass(frozen=True)
class UnknownExposure:
    """Reason why it is not known whether an arm was trained on test patients.

    Attributes:
        code: `hilum.study.plan.leakage.DoubtCode` or "ledger".
        sentence: Text for readers, without a full stop.
    """

    code: str
    sentence: str


@dataclass(frozen=True)
class ArmSummary:
    """One arm of the comparison: a row of the table of arms.

    Args:
        name: Name in the study file; also the key in `ReportContent.predictions`.
        encoder: Name of the architecture.
        starts_from: Initial weights, for example "random", "mocov2 on ours/train".
        trainable_parameters, total_parameters: Counts of the fine-tuned model; None where unknown.
        trained_on_test_patients: Whether any weight was trained on images of test patients; None where unknown.
        seeds: Seeds of the averaged runs; empty where unknown.
        seconds: Wall time of training, all seeds, in s; None where unknown.
        start_differences: Differences in preprocessing between pretraining and fine-tuning.
        unknown_exposures: Reasons why it is not known whether it was trained on test patients.
        shared_start: Whether several seeds are fine-tuned from one pretraining run.
        finetuned: Whether the weights are fine-tuned; False if they are scored as they are.
    """

    name: str
    encoder: str
    starts_from: str
    trainable_parameters: int | None
    total_parameters: int | None
    trained_on_test_patients: bool | None
    seeds: Sequence[int]
    seconds: float | None = None
    start_differences: Sequence[StartDifference] = ()
    unknown_exposures: Sequence[UnknownExposure] = ()
    shared_start: bool = False
    finetuned: bool = True

    @property
    def is_pretrained(self) -> bool:
        """Whether its initial weights are not random."""
        return self.starts_from != "random"

    @property
    def title(self) -> str:
        """Name in tables and figures, with a dagger if it was, or may have been, trained on test patients."""
        if self.trained_on_test_patients is None:
            return f"{self.name} (†)"
        return f"{self.name} †" if self.trained_on_test_patients else self.name


@dataclass(frozen=True)
class DataSummary:
    """One data set of the study.

    Args:
        name: Name in the study file.
        collection: Data set reader, for example "chestxray14".
        images, patients: Counts after ingest, before any split.
        split_title: Name and hash of the split, "patients-70-10-20-s0 (3f9a1c)"; empty without a split.
        counts: Columns `split, finding, images, patients, positives`; further columns are shown as they are.
        rejected: Unreadable images; columns at least `image_id, reason`.
        generated: Whether its images are synthetic.
    """

    name: str
    collection: str
    images: int
    patients: int
    split_title: str
    counts: pl.DataFrame
    rejected: pl.DataFrame
    generated: bool = False


@dataclass(frozen=True)
class LookTaken:
    """Number of the interim look at the results, where seeds are added in several looks.

    Attributes:
        number: Number of this look, from 1.
        announced: Number of looks planned in the study file.
        level: Two-sided significance level of the test at this look.
    """

    number: int
    announced: int
    level: float


@dataclass(frozen=True)
class ReportContent:
    """Content of one report. All arguments from `thresholds` on are optional; None or empty ones are not shown.

    Args:
        question: Question of the study; the title of the page.
        arms: Arms in the order of tables and figures.
        data: Data sets in the study's order.
        scored_on: Data set, part and split title of all estimates, for example
            "ours, test of patients-70-10-20-s0 (3f9a1c)". Every table states it.
        metrics: One row per arm, metric and finding (or average over findings), columns
            `arm, finding, metric, estimate, low, high, n, positives, patients, note`. `estimate` is averaged over
            seeds; `low` and `high` bound the 95 % interval. Values that could not be computed are null or NaN,
            with the reason in `note`. The verdict is about the first metric.
        comparisons: One row per pair and finding (and average), columns
            `arm, reference, finding, metric, difference, low, high, p, p_adjusted`, and `detectable` where known.
            `difference` is `arm` minus `reference`; `detectable` is the smallest difference that this test set
            shows with 80 % power; `family` and `note` are shown below the table. Empty with one arm.
        reference: Reference arm; None if all pairs, or none, are compared.
        n_bootstrap: Number of bootstrap resamples of patients; 0 where unknown.
        predictions: Predictions of each arm, one table per seed; for the curves. Arms may be absent.
        curves: One row per arm, seed, stage and epoch, columns
            `arm, seed, stage ("pretrain" or "finetune"), epoch, train_loss, val_loss` and other monitored values
            (`feature_spread`, `effective_rank`). May be empty.
        failed: Arms whose training diverged or collapsed and which are in no table, one sentence each.
        pairs: (arm, reference) pairs named by the study instead of a reference arm.
        left_out: Exclusions with reasons, one sentence each.
        provenance: Pairs of name and value: versions, hashes, hardware, time per step.
        settings_yaml: Study file as run; empty for none.
        thresholds: Thresholds of each arm, one per seed, in the order of `predictions`.
        baseline_metrics: Shortcut baselines, as `metrics`; `arm` is the name of the baseline.
        baseline_comparisons: As `comparisons`; `reference` is the name of the baseline.
        joint: Table of `hilum.evaluation.tables.joint_table`.
        ranks: Table of `hilum.evaluation.ranks_table`.
        margins: Table of `hilum.evaluation.equivalence_table`.
        subgroups: Table of `hilum.evaluation.evaluate_subgroups` with a column `arm`.
        classes: Table of `hilum.evaluation.evaluate_multiclass` with a column `arm`.
        probe_metrics: Linear probe of the initial weights of each arm, as `metrics`.
        probe_comparisons: Each arm minus its own linear probe, as `comparisons`.
        learning: Signs of incomplete training, columns `arm, sign, seeds, of_seeds`
            (`hilum.finetuning.monitoring.diagnosis.LearningSign`; seeds that show it, number of seeds).
        labelled: Labelled training data of each seed, columns `seed, percent, images, patients, finding, positives`.
        labelled_description: One-line summary of `labelled`.
        external: Table of `hilum.evaluation.external_validation`; with a column `arm` where several arms were
            trained on one data set.
        noise, issues, agreement: Tables of `hilum label-issues`.
        box_scores: Table of `hilum.explanation.localisation.statistics.box_statistics`.
        purity: Class separation in the features, as `hilum embed` writes it.
        embeddings: Projections of features, one per method.
        sweeps: Hyper-parameter searches of the arms.
        cases: Images of the case browser.
        cases_about: Source and limits of the heat maps, one sentence each.
        layout_sections: Tables and figures of a paper with this study's numbers (`hilum.report.layouts`).
        look: Number of the interim look; None for the only one.
        warnings: Doubts about the images by data set: patient identity, conflicting labels.
    """

    question: str
    arms: Sequence[ArmSummary]
    data: Sequence[DataSummary]
    scored_on: str
    metrics: pl.DataFrame
    comparisons: pl.DataFrame
    reference: str | None
    n_bootstrap: int
    predictions: Mapping[str, Sequence[Predictions]]
    curves: pl.DataFrame
    left_out: Sequence[str]
    provenance: Sequence[tuple[str, str]]
    settings_yaml: str
    thresholds: Mapping[str, Sequence[Thresholds]] = field(default_factory=dict)
    baseline_metrics: pl.DataFrame | None = None
    baseline_comparisons: pl.DataFrame | None = None
    joint: pl.DataFrame | None = None
    ranks: pl.DataFrame | None = None
    margins: pl.DataFrame | None = None
    subgroups: pl.DataFrame | None = None
    classes: pl.DataFrame | None = None
    external: pl.DataFrame | None = None
    noise: pl.DataFrame | None = None
    issues: pl.DataFrame | None = None
    agreement: pl.DataFrame | None = None
    box_scores: pl.DataFrame | None = None
    purity: pl.DataFrame | None = None
    embeddings: Sequence[Embedding] = ()
    probe_metrics: pl.DataFrame | None = None
    probe_comparisons: pl.DataFrame | None = None
    learning: pl.DataFrame | None = None
    labelled: pl.DataFrame | None = None
    labelled_description: str = ""
    cases: Sequence[Case] = ()
    cases_about: Sequence[str] = ()
    layout_sections: Sequence[Section] = ()
    failed: Sequence[str] = ()
    look: LookTaken | None = None
    pairs: Sequence[tuple[str, str]] = ()
    sweeps: Sequence[SweepSummary] = ()
    warnings: Sequence[tuple[str, Note]] = ()
