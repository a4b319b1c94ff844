"""What a report is made from: plain data that a study, or anybody, fills in.

Images that a page shows: as points of an embedding, or one by one with heat-maps and boxes.
"""

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
"""Label of images that a way to put images into classes leaves out; they are drawn gray, and named last."""


RULES_IN_WORDS = {
    "found": "positive, and among the highest of every model, whatever its threshold",
    "most confident": "positive, and the highest of the model that gives it least",
    "missed": "positive, and the lowest of the model that gives it most",
    "false alarm": "negative, and the highest of the model that gives it least",
    "by lot": "positive, drawn by lot",
}
"""What `hilum.explanation.selection.RULES` chose an image for."""


@dataclass(frozen=True)
class Embedding:
    """Images as points of a plane, near where a model takes them for alike.

    Args:
        method: "t-SNE", "UMAP".
        about: whose features they are and what the image can be trusted with (silhouette, k-NN purity); a sentence
            each.
        points: `image_id, x, y, label` (one class an image; null: `UNCLASSED`), one row an image. `thumbnail` where
            images
            are shown: an encoded image (JPEG, PNG or WebP bytes; null where there is none).
        classes: name of the way in which images have classes, where there are several images of one method.
        arm: whose features they are, where there are several.
    """

    method: str
    about: Sequence[str]
    points: pl.DataFrame
    classes: str = ""
    arm: str = ""


@dataclass(frozen=True)
class Box:
    """Where a finding was drawn, as fractions of the image's sides, 0 to 1, from the upper left corner."""

    finding: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Case:
    """One image of the case browser. Labels and scores are taken from `ReportContent.predictions`.

    Args:
        image_id: as in the predictions.
        image: (H, W), 0 to 255.
        heat: by arm and finding a map of any resolution, (h, w), at least 0; it is scaled to its own maximum.
        boxes: drawn by people.
        about: a few words: view, age, where it comes from.
        chosen: by finding the rule that chose this image to be looked at (`hilum.explanation.selection.RULES`).
    """

    image_id: str
    image: NDArray[uint8]
    heat: Mapping[tuple[str, str], NDArray[floating]] = field(default_factory=dict)
    boxes: Sequence[Box] = ()
    about: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)


SIGNIFICANT = 0.05
"""Adjusted p-values below this are called a difference."""


@dataclass(frozen=True)
class UnknownExposure:
    """One reason why it is not known whether an arm was trained on test patients.

    Attributes:
        code: what it is about, `hilum.study.plan.leakage.DoubtCode` or "ledger".
        sentence: for people, without a full stop.
    """

    code: str
    sentence: str


@dataclass(frozen=True)
class ArmSummary:
    """One arm of the comparison, as its row in the first table says it.

    Args:
        name: as in the study file; also the key in `ReportContent.predictions`.
        encoder: name of the architecture.
        starts_from: the initial weights in the field's words, for example "random", "mocov2 on ours/train".
        trainable_parameters, total_parameters: counts of the fine-tuned model; None where unknown.
        trained_on_test_patients: whether any weight was fitted on images of test patients; None where unknown.
        seeds: of the runs that were averaged; empty where unknown.
        seconds: wall time of this arm's training, all seeds; None where unknown.
        start_differences: how the images that its encoder was pretrained on were made otherwise.
        unknown_exposures: why it is not known whether it was trained on test patients.
        shared_start: whether its seeds, of which there are several, go on from one training of its start.
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

    @property
    def title(self) -> str:
        """The name as tables and figures show it: with a dagger where it was, or may have been, trained on test
        patients.
        """
        if self.trained_on_test_patients is None:
            return f"{self.name} (†)"
        return f"{self.name} †" if self.trained_on_test_patients else self.name


@dataclass(frozen=True)
class DataSummary:
    """One data set of the study.

    Args:
        name: as in the study file.
        collection: how it was read, for example "chestxray14".
        images, patients: counts after ingest, before any split.
        split_title: name and hash of the split, "patients-70-10-20-s0 (3f9a1c)"; empty where it was not split.
        counts: columns `split, finding, images, patients, positives`; further columns are shown as they are.
        rejected: images that could not be read; columns at least `image_id, reason`.
        generated: whether its images are generated, and show no patient.
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
    """Which look at the results this is, where seeds are added and looked at several times.

    Attributes:
        number: 1 for the first.
        announced: how many the study file announced.
        level: two-sided level of the test at this look.
    """

    number: int
    announced: int
    level: float


@dataclass(frozen=True)
class ReportContent:
    """Everything that one report says. From `thresholds` on all may be left out; what is None or empty is not shown.

    Args:
        question: the study's question; the title of the page.
        arms: in the order in which tables and figures show them.
        data: the data sets, in the study's order.
        scored_on: what every estimate was computed on: data set, part and split title, for example
            "ours, test of patients-70-10-20-s0 (3f9a1c)". Every table states it.
        metrics: one row an arm, metric and finding (or average over findings), columns
            `arm, finding, metric, estimate, ci_low, ci_high, n, positives, patients, note`. `estimate` is averaged over
            seeds; `ci_low` and `ci_high` bound the 95 % interval. Values that could not be computed are null or NaN,
            with the reason in `note`. The first metric is the one that the verdict is about.
        comparisons: one row a pair and finding (and average), columns
            `arm, reference, finding, metric, difference, ci_low, ci_high, p, p_adjusted`, and
            `minimum_detectable_difference` where it is known. `difference` is `arm` minus `reference`;
            `minimum_detectable_difference` is the smallest difference that this test set shows with 80 % power;
            `family` and `note` are shown below the table. Empty with one arm.
        reference: the reference arm; None where every arm is compared with every other, or none is.
        n_bootstrap: how many times patients were resampled for the intervals; 0 where that is not known.
        predictions: of each arm, one table a seed; for the curves. Arms may be absent.
        curves: one row an arm, seed, stage and epoch, columns
            `arm, seed, stage ("pretrain" or "finetune"), epoch, train_loss, val_loss` and whatever else was watched
            (`feature_spread`, `effective_rank`). May be empty.
        failed: arms whose training diverged or collapsed and which are in no table, a sentence each.
        pairs: (arm, against) where the study names pairs to compare, instead of a reference arm.
        left_out: what was left out and why, one sentence each.
        provenance: pairs of a name and what it was: versions, hashes, hardware, time a step.
        settings_yaml: the study file as it was run; empty where there was none.
        thresholds: of each arm one a seed, in the order of `predictions`.
        baseline_metrics: shortcut baselines, as `metrics`; `arm` is the name of the baseline.
        baseline_comparisons: as `comparisons`; `reference` is the name of the baseline.
        joint: as `hilum.evaluation.tables.joint_table` returns them.
        ranks: as `hilum.evaluation.ranks_table` returns them.
        margins: as `hilum.evaluation.equivalence_table` returns them.
        subgroups: as `hilum.evaluation.evaluate_subgroups` returns them, with a column `arm`.
        classes: as `hilum.evaluation.evaluate_multiclass` returns them, with a column `arm`.
        probe_metrics: of a linear probe of what each arm starts from, as `metrics`; `arm` is the name of the arm.
        probe_comparisons: the arm minus its own probe, as `comparisons`.
        learning: signs that arms had not finished learning, columns `arm, sign, seeds, of_seeds`
            (`hilum.finetuning.monitoring.diagnosis.LearningSign`; how many seeds show it, of how many).
        labelled: what each seed learnt from with labels, columns `seed, percent, images, patients, finding, positives`.
        labelled_in_words: the same in a line.
        external: as `hilum.evaluation.external_validation` returns it; with a column `arm` where several arms were
            trained on one data set.
        noise, issues, agreement: as `hilum label-issues` writes them.
        box_scores: as `hilum.explanation.localisation.statistics.box_statistics` returns them.
        purity: as `hilum embed` leaves it: how far classes are apart in the features.
        embeddings: images as points, by the features of a model; one a method.
        sweeps: settings that arms tried before they were trained.
        cases: images for the case browser.
        cases_about: whose heat-maps they have, and what a reader must know of them; a sentence each.
        layout_sections: a paper's tables and figures with this study's numbers (`hilum.report.layouts`).
        look: which look at the results this is; None for the only one.
        warnings: what is doubtful about the images, by data set: whose they are, labels that contradict each other.
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
    labelled_in_words: str = ""
    cases: Sequence[Case] = ()
    cases_about: Sequence[str] = ()
    layout_sections: Sequence[Section] = ()
    failed: Sequence[str] = ()
    look: LookTaken | None = None
    pairs: Sequence[tuple[str, str]] = ()
    sweeps: Sequence[SweepSummary] = ()
    warnings: Sequence[tuple[str, Note]] = ()
