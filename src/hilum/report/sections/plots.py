"""The sections that are drawn: intervals, curves, classes, calibration, training."""

import polars as pl

from hilum.evaluation.metrics import PROBABILITY_METRICS, RANKING_METRICS
from hilum.report.content import ReportContent
from hilum.report.figures import (
    box_plot,
    confusion_figures,
    decision_figures,
    differences_forest,
    estimates_forest,
    overview_forest,
    precision_recall_figures,
    reliability_figures,
    roc_curves,
    roc_figures,
    training_figures,
)
from hilum.report.render import Block, Cell, Column, Figure, FigureGroup, Prose, Section, Table, formats
from hilum.report.render.formats import finding_name
from hilum.report.sections import results as tables

_PANELS = 13
"""More panels of training than these are folded, but for the one of all arms."""
SHOWN_AT_ONCE = 6
"""More panels than these are folded, where they are not the main result."""


def overview(content: ReportContent) -> Section | None:
    """One picture: all arms and baselines with their intervals."""
    figure = overview_forest(content)
    if figure is None:
        return None
    beside = "" if content.baseline_metrics is None else "; open markers: baselines, which need no radiology"
    caption = f"All arms over all findings, with 95 % intervals over patients{beside}. Computed on {content.scored_on}."
    return Section("overview", "At a glance", [FigureGroup(caption, [figure])])


def intervals(content: ReportContent) -> Section | None:
    """Forest plots and box plots over findings."""
    rocs = roc_curves(content)
    blocks: list[Block] = []
    compared = set() if content.comparisons.is_empty() else set(content.comparisons["metric"])
    measured = content.metrics["metric"].unique(maintain_order=True).to_list()
    for metric in [name for name in measured if name in RANKING_METRICS] or measured[:1]:
        figures = [estimates_forest(content, metric, rocs)]
        name = formats.capital(formats.metric_name(metric))
        caption = f"{name} with 95 % intervals over patients; small ticks are single seeds."
        if content.reference is not None and metric in compared:
            figures.append(differences_forest(content, metric))
            caption += (
                f" Second plot: difference from {content.reference}; a filled marker has adjusted p < 0.05, and the "
                f"pale"
                " bar spans the differences too small for this test set to show with 80 % power."
            )
        folded = "" if metric == measured[0] else f"Intervals of {formats.metric_name(metric)}"
        blocks.append(FigureGroup(f"{caption} Computed on {content.scored_on}.", figures, folded))
    boxes = box_plot(content, measured[0]) if measured else None
    if boxes is not None:
        caption = (
            f"{formats.capital(formats.metric_name(measured[0]))} over findings, each a dot; box: quartiles and "
            "median; cross: mean."
        )
        if content.reference is not None:
            caption += f" Above: adjusted p of the macro difference from {content.reference}, of resampled patients."
        blocks.append(FigureGroup(f"{caption} Computed on {content.scored_on}.", [boxes]))
    return Section("figures", "Intervals", blocks) if blocks else None


def curves(content: ReportContent) -> Section:
    """ROC and precision-recall curves."""
    rocs = roc_figures(content, roc_curves(content))
    if not rocs:
        why = "No ROC curves: no predictions with positives and negatives were given."
        return Section("curves", "ROC and precision-recall curves", [Prose([why])])
    caption = (
        "ROC curves, averaged over seeds at equal false positive rates. AUROC with 95 % interval in the legend. "
        f"Computed on {content.scored_on}."
    )
    pr_caption = (
        "Precision-recall curves, averaged over seeds at equal recalls; dashed: the share of positives, which guessing "
        f"reaches. AUPRC in the legend. Computed on {content.scored_on}."
    )
    recalls = precision_recall_figures(content)
    blocks = [FigureGroup(caption, rocs), FigureGroup(pr_caption, recalls, _folded(recalls, "Precision-recall curves"))]
    return Section("curves", "ROC and precision-recall curves", blocks)


def classes(content: ReportContent) -> Section | None:
    """Tasks in which every image is of one class: confusion matrices, recall, precision, F1."""
    matrices = confusion_figures(content)
    blocks: list[Block] = []
    if matrices:
        caption = (
            "Confusion matrices: rows the true class, columns the called one, the likeliest; shares of the row, and "
            f"images (mean over seeds). Computed on {content.scored_on}."
        )
        if len(matrices) < len(content.arms):
            caption += f" Of {len(content.arms)} arms the two with the highest {metric_of(content)}."
        blocks.append(FigureGroup(caption, matrices))
    if content.classes is not None and not content.classes.is_empty():
        blocks.append(_classes_table(content, content.classes))
    return Section("classes", "One class an image", blocks) if blocks else None


def calibration(content: ReportContent) -> Section | None:
    """Brier score and calibration error, reliability and decision curves."""
    measured = set(content.metrics["metric"])
    blocks: list[Block] = [
        tables.results_table(content, metric) for metric in PROBABILITY_METRICS if metric in measured
    ]
    reliable, decided = reliability_figures(content), decision_figures(content)
    if reliable:
        caption = (
            "Reliability curves: the share of positive images, by what the model says; dashed: as it should be. "
            f"Images of all seeds in one pot, as many in each dot. Computed on {content.scored_on}."
        )
        blocks.append(FigureGroup(caption, reliable, _folded(reliable, "Reliability curves")))
    if decided:
        caption = (
            "Decision curves: net benefit of acting on the model; dashed: acting on everybody (falling) and on nobody "
            "(zero). In the legend: net benefit where the threshold probability is the share of positives. It presumes "
            f"calibrated probabilities. Computed on {content.scored_on}."
        )
        blocks.append(FigureGroup(caption, decided, _folded(decided, "Decision curves")))
    return Section("calibration", "Calibration and benefit", blocks) if blocks else None


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
        first = " First panel: all arms." if len(finetune) > 1 else ""
        caption = f"Fine-tuning, one line a seed.{first} The dot is the epoch whose weights are scored."
        blocks.append(FigureGroup(caption, finetune[:1] if len(finetune) > _PANELS else finetune))
        if len(finetune) > _PANELS:
            arms = f"Training and validation loss of each of {len(finetune) - 1} arms"
            blocks.append(FigureGroup(f"{arms}.", finetune[1:], arms))
    return Section("training", "Training", blocks or [Prose(["No training curves were given."])])


def metric_of(content: ReportContent) -> str:
    """The metric that the report is about, as it is written."""
    return formats.metric_name(content.metrics["metric"][0]) if len(content.metrics) else "estimate"


def _folded(figures: list[Figure], what: str) -> str:
    return f"{what} of {len(figures)} findings" if len(figures) > SHOWN_AT_ONCE else ""


def _classes_table(content: ReportContent, table: pl.DataFrame) -> Table:
    titles = {arm.name: arm.title for arm in content.arms}
    places = {(row["arm"], row["class"], row["metric"]): row for row in table.to_dicts()}
    metrics = table["metric"].unique(maintain_order=True).to_list()
    pairs = table.select("class", "arm").unique(maintain_order=True).rows()
    order = table["class"].unique(maintain_order=True).to_list()
    rows = [
        [
            Cell(finding_name(name)),
            Cell(titles.get(arm, arm)),
            *(tables.estimate_cell(places.get((arm, name, metric))) for metric in metrics),
        ]
        for name, arm in sorted(pairs, key=lambda pair: order.index(pair[0]))
    ]
    columns = [Column("Class"), Column("Arm")]
    columns += [Column(formats.capital(formats.metric_name(metric)), numeric=True) for metric in metrics]
    notes = [f"{formats.capital(note)}." for note in table["note"].unique(maintain_order=True) if note]
    caption = f"The likeliest class, with 95 % intervals over patients. Computed on {content.scored_on}."
    return Table("classes", caption, columns, rows, tables.with_split(table, content), notes)
