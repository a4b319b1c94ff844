"""The sections of the page, in reading order, from what the study found."""

from collections.abc import Callable

import polars as pl

from hilum.report import formats, tables
from hilum.report.blocks import Block, FigureGroup, Listing, Prose, Section, Terms
from hilum.report.content import ReportContent
from hilum.report.figures.canvas import style
from hilum.report.figures.intervals import differences_forest, estimates_forest
from hilum.report.figures.roc import roc_curves, roc_figures
from hilum.report.figures.training import training_figures


def sections(content: ReportContent) -> list[Section]:
    """Every section that has something to say; a missing part says why it is missing."""
    order: list[Callable[[ReportContent], Section | None]] = [
        arms, results, comparisons, intervals_and_curves, training, data, left_out, provenance, study_file, reading,
    ]  # fmt: skip
    with style():
        made = [make(content) for make in order]
    return [section for section in made if section is not None]


def arms(content: ReportContent) -> Section:
    """What was compared."""
    return Section("arms", "Arms", [tables.arms_table(content.arms)])


def results(content: ReportContent) -> Section:
    """Estimates with intervals, one table a metric."""
    metrics = _metrics(content)
    blocks: list[Block] = [tables.results_table(content, metric) for metric in metrics]
    return Section("results", "Results", blocks or [Prose(["Nothing was scored."])])


def comparisons(content: ReportContent) -> Section:
    """Paired differences."""
    if content.comparisons.is_empty():
        why = (
            "There is one arm, so nothing to compare it with."
            if len(content.arms) < 2
            else "The arms were not compared: no reference arm was named."
        )
        return Section("comparisons", "Comparisons", [Prose([why])])
    return Section("comparisons", "Comparisons", [tables.comparisons_table(content)])


def intervals_and_curves(content: ReportContent) -> Section:
    """Forest plots and ROC curves."""
    rocs = roc_curves(content)
    blocks: list[Block] = []
    compared = set() if content.comparisons.is_empty() else set(content.comparisons["metric"])
    for metric in _metrics(content):
        figures = [estimates_forest(content, metric, rocs)]
        caption = f"{formats.metric_name(metric)} with 95 % intervals over patients; small ticks are single seeds."
        if content.against is not None and metric in compared:
            figures.append(differences_forest(content, metric))
            caption += (
                f" Second plot: difference from {content.against}; a filled marker has adjusted p < 0.05, and the pale"
                " bar spans the differences too small for this test set to show with 80 % power."
            )
        blocks.append(FigureGroup(f"{caption} Computed on {content.scored_on}.", figures))
    curves = roc_figures(content, rocs)
    if curves:
        caption = (
            "ROC curves, averaged over seeds at equal false positive rates. AUROC with 95 % interval in the legend. "
            f"Computed on {content.scored_on}."
        )
        blocks.append(FigureGroup(caption, curves))
    else:
        blocks.append(Prose(["No ROC curves: no predictions with positives and negatives were given."]))
    return Section("figures", "Intervals and ROC curves", blocks)


def training(content: ReportContent) -> Section:
    """What the losses did."""
    blocks: list[Block] = []
    pretrain, finetune = training_figures(content, "pretrain"), training_figures(content, "finetune")
    if pretrain:
        caption = (
            "Pretraining, one line a seed. Losses of different methods are not comparable. The spread and "
            "the effective rank of features show collapse, not quality."
        )
        blocks.append(FigureGroup(caption, pretrain))
    if finetune:
        caption = "Fine-tuning, one line a seed. The dot is the lowest validation loss: the weights that were scored."
        blocks.append(FigureGroup(caption, finetune))
    return Section("training", "Training", blocks or [Prose(["No training curves were given."])])


def data(content: ReportContent) -> Section:
    """What went in, per split and finding, and what could not be read."""
    blocks: list[Block] = []
    for summary in content.data:
        films, patients = formats.plural(summary.films, "film"), formats.plural(summary.patients, "patient")
        split = f"Split {summary.split_title}." if summary.split_title else "Not split."
        blocks.append(Prose([f"{summary.name} ({summary.collection}): {films} of {patients}. {split}"]))
        if not summary.counts.is_empty():
            blocks.append(tables.counts_table(summary))
        if summary.rejected.is_empty():
            blocks.append(Prose(["Every film could be read."]))
        else:
            blocks.append(tables.rejected_table(summary))
    return Section("data", "Data", blocks or [Prose(["No data set was described."])])


def left_out(content: ReportContent) -> Section:
    """What is not in the numbers, and why."""
    items = list(content.left_out)
    return Section("left-out", "Left out, and why", [Prose(items, True) if items else Prose(["Nothing was left out."])])


def provenance(content: ReportContent) -> Section | None:
    """Versions, seeds, hashes, hardware."""
    if not content.provenance:
        return None
    return Section("provenance", "Provenance", [tables.provenance_table(content.provenance)])


def study_file(content: ReportContent) -> Section | None:
    """The study file as it was run."""
    if not content.settings_yaml:
        return None
    return Section("study-file", "Study file, as run", [Listing(content.settings_yaml)])


def reading(content: ReportContent) -> Section:
    """What the words and marks of this page mean."""
    pairs = [
        (
            "Interval",
            f"In brackets: a 95 % interval. Patients, not films, are redrawn {content.redraws:,} times, because films "
            "of one patient resemble each other; redrawing films would make intervals too narrow. "
            "Where there are several seeds they are redrawn too.",
        ),
        (
            "AUROC",
            "The chance that a positive film is scored above a negative one: 0.5 is guessing, 1 is perfect. "
            "Macro is the plain mean over findings with enough positive films.",
        ),
        (
            "Difference",
            "Two arms are compared on the same redraws of the same patients. Their own intervals may overlap although "
            "they differ; the interval of the difference decides.",
        ),
        (
            "Adjusted p",
            "How surprising the difference would be if there were none, two-sided, adjusted (Benjamini–Hochberg) "
            "because many comparisons find something by chance. Below 0.05 it is called a difference.",
        ),
        (
            "Detectable difference",
            "The smallest true difference that this test set would show four times out of five. “No difference can be "
            "shown” does not mean that there is none: a smaller one may well be there.",
        ),
        (
            "Seed",
            "Every arm is trained once a seed, and estimates are means over seeds. Their spread shows how much of a "
            "difference is luck of the run.",
        ),
        (
            "Seen test patients",
            "Weights that were fitted on films of the test patients know them. Such an arm is marked, and its numbers "
            "are too good.",
        ),
    ]
    return Section("reading", "How to read this", [Terms(pairs)])


def _metrics(content: ReportContent) -> list[str]:
    if content.metrics.is_empty():
        return []
    return content.metrics.select(pl.col("metric").unique(maintain_order=True)).to_series().to_list()
