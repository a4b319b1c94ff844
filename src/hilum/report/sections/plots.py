"""Sections of figures: intervals, curves, multiclass metrics, calibration, training."""

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
"""More training panels are folded, except the one of all arms."""
SHOWN_AT_ONCE = 6
"""More panels are folded, unless they are the main result."""


def overview(content: ReportContent) -> Section | None:
    """Draw all arms and baselines with their intervals in one figure."""
    figure = overview_forest(content)
    if figure is None:
        return None
    beside = "" if content.baseline_metrics is None else "; open markers: shortcut baselines"
    caption = f"All arms, with 95 % intervals over patients{beside}. Computed on {content.scored_on}."
    return Section("overview", "Overview", [FigureGroup(caption, [figure])])


def intervals(content: ReportContent) -> Section | None:
    """Draw forest plots, and box plots over findings."""
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
                f" Second plot: difference from {content.reference}; filled markers: adjusted p < 0.05; pale bars: "
                "differences too small to be detected with 80 % power."
            )
        folded = "" if metric == measured[0] else f"Intervals of {formats.metric_name(metric)}"
        blocks.append(FigureGroup(f"{caption} Computed on {content.scored_on}.", figures, folded))
    boxes = box_plot(content, measured[0]) if measured else None
    if boxes is not None:
        caption = (
            f"{formats.capital(formats.metric_name(measured[0]))} over findings (dots); box: quartiles and median; "
            "cross: mean."
        )
        if content.reference is not None:
            caption += (
                f" Above: adjusted p of the macro difference from {content.reference}, by bootstrap over patients."
            )
        blocks.append(FigureGroup(f"{caption} Computed on {content.scored_on}.", [boxes]))
    return Section("figures", "Intervals", blocks) if blocks else None


def curves(content: ReportContent) -> Section:
    """Draw ROC and precision-recall curves."""
    rocs = roc_figures(content, roc_curves(content))
    if not rocs:
        why = "No ROC curves: no predictions with positives and negatives were given."
        return Section("curves", "ROC and precision-recall curves", [Prose([why])])
    caption = (
        "ROC curves, averaged over seeds at equal false positive rates. Legend: AUROC with 95 % interval. "
        f"Computed on {content.scored_on}."
    )
    pr_caption = (
        "Precision-recall curves, averaged over seeds at equal recalls; dashed: prevalence (chance level). "
        f"Legend: AUPRC. Computed on {content.scored_on}."
    )
    recalls = precision_recall_figures(content)
    blocks = [FigureGroup(caption, rocs), FigureGroup(pr_caption, recalls, _folded(recalls, "Precision-recall curves"))]
    return Section("curves", "ROC and precision-recall curves", blocks)


def classes(content: ReportContent) -> Section | None:
    """Draw confusion matrices of multiclass tasks, and tabulate recall, precision and F1."""
    matrices = confusion_figures(content)
    blocks: list[Block] = []
    if matrices:
        caption = (
            "Confusion matrices: rows: true class; columns: predicted class (highest score); percentages of the row, "
            f"and images (mean over seeds). Computed on {content.scored_on}."
        )
        if len(matrices) < len(content.arms):
            caption += f" Shown: the two of {len(content.arms)} arms with the highest {metric_of(content)}."
        blocks.append(FigureGroup(caption, matrices))
    if content.classes is not None and not content.classes.is_empty():
        blocks.append(_classes_table(content, content.classes))
    return Section("classes", "Multiclass metrics", blocks) if blocks else None


def calibration(content: ReportContent) -> Section | None:
    """Tabulate Brier score and calibration error, and draw reliability and decision curves."""
    measured = set(content.metrics["metric"])
    blocks: list[Block] = [
        tables.results_table(content, metric) for metric in PROBABILITY_METRICS if metric in measured
    ]
    reliable, decided = reliability_figures(content), decision_figures(content)
    if reliable:
        caption = (
            "Reliability curves: observed fraction of positives by predicted probability; dashed: perfect calibration. "
            "Images of all seeds are pooled; bins hold equal numbers of images. "
            f"Computed on {content.scored_on}."
        )
        blocks.append(FigureGroup(caption, reliable, _folded(reliable, "Reliability curves")))
    if decided:
        caption = (
            "Decision curves: net benefit of the model; dashed: treat all (falling) and treat none (zero). Legend: net "
            "benefit at a threshold probability equal to the prevalence. Net benefit assumes calibrated "
            f"probabilities. Computed on {content.scored_on}."
        )
        blocks.append(FigureGroup(caption, decided, _folded(decided, "Decision curves")))
    return Section("calibration", "Calibration and net benefit", blocks) if blocks else None


def training(content: ReportContent) -> Section:
    """Draw the training curves of pretraining and fine-tuning."""
    blocks: list[Block] = []
    pretrain, finetune = training_figures(content, "pretrain"), training_figures(content, "finetune")
    if pretrain:
        caption = (
            "Pretraining, one line per seed. Losses of different methods are not comparable. Spread and effective "
            "rank of the features indicate collapse, not quality."
        )
        blocks.append(FigureGroup(caption, pretrain))
    if finetune:
        first = " First panel: all arms." if len(finetune) > 1 else ""
        caption = f"Fine-tuning, one line per seed.{first} Dot: selected epoch."
        blocks.append(FigureGroup(caption, finetune[:1] if len(finetune) > _PANELS else finetune))
        if len(finetune) > _PANELS:
            arms = f"Training and validation loss of each of {len(finetune) - 1} arms"
            blocks.append(FigureGroup(f"{arms}.", finetune[1:], arms))
    return Section("training", "Training", blocks or [Prose(["No training curves were given."])])


def metric_of(content: ReportContent) -> str:
    """Return the name of the report's main metric."""
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
    caption = "Metrics of the predicted class (highest score), with 95 % intervals over patients. "
    caption += f"Computed on {content.scored_on}."
    return Table("classes", caption, columns, rows, tables.with_split(table, content), notes)
