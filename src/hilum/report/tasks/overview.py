"""Page over all tasks of a study: verdicts, results across tasks, label efficiency curves, and links to the pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.ticker import MaxNLocator, NullLocator

from hilum.evaluation.metrics import AVERAGES, MACRO
from hilum.evaluation.tables.across_tasks import MEAN_OVER_TASKS
from hilum.notes import Code, read_codes
from hilum.report.figures import canvas
from hilum.report.page import write_page
from hilum.report.render import (
    Cell,
    Column,
    Figure,
    FigureGroup,
    Links,
    Listing,
    Section,
    Table,
    Terms,
    formats,
)
from hilum.report.sections import difference_cell, estimate_cell
from hilum.report.verdict import Verdict
from hilum.wording import counted

_DASHES = ("solid", "dashed", "dotted", "dashdot")
"""Line styles of more arms than colours."""
_SPREAD = 0.02  # of the axis, between arms at one number of labels


@dataclass(frozen=True)
class TaskPage:
    """Page of one task at one label fraction.

    Args:
        name: Name for readers.
        task: Name in the study file.
        address: Address of its page, relative to this one.
        scored_on: Data that its numbers were computed on.
        verdict: Verdict of its page.
    """

    name: str
    task: str
    address: str
    scored_on: str
    verdict: Verdict


@dataclass(frozen=True)
class OverviewContent:
    """Content of the page over all tasks.

    Args:
        question: Question of the study; the title of the page.
        arms: Arms in order.
        pages: Pages of the tasks in order.
        settings_yaml: Study file as run.
        n_bootstrap: Number of bootstrap resamples of patients.
        family: Family of tests that are adjusted together: those of one `task`, or of `all_tasks`.
        tasks: `view, arm, estimate, ci_low, ci_high, tasks, task, label_fraction, labelled_images`.
        comparisons: Comparisons of all tasks: `task` and the columns of `ReportContent.comparisons`.
        ranks: Table of `hilum.evaluation.ranks_table` over all tasks; None for too few arms or findings.
        labels_to_match: Table of `hilum.evaluation.tables.label_efficiency.labels_to_match` with `task`; or None.
        layout_sections: Tables and figures of a paper with this study's numbers (`hilum.report.layouts`).
    """

    question: str
    arms: Sequence[str]
    pages: Sequence[TaskPage]
    settings_yaml: str
    n_bootstrap: int
    family: str
    tasks: pl.DataFrame
    comparisons: pl.DataFrame
    ranks: pl.DataFrame | None
    labels_to_match: pl.DataFrame | None
    layout_sections: Sequence[Section] = ()

    @property
    def scored_on(self) -> str:
        """Data that the numbers were computed on."""
        return "; ".join(dict.fromkeys(page.scored_on for page in self.pages))


def write_overview(content: OverviewContent, directory: Path) -> Path:
    """Write `report.html`, `tables/*` and `figures/*.svg` over all tasks, as `hilum.report.page.write_report`.

    Args:
        content: Content of the page.
        directory: Directory of the study; the pages of its tasks are in its subfolders.

    Returns:
        The path of `report.html`.
    """
    return write_page(content, _verdict(content), list(_sections(content)), directory)


def _verdict(content: OverviewContent) -> Verdict:
    headlines = [f"{page.name}: {page.verdict.headline}" for page in content.pages]
    cautions: dict[str, list[str]] = {}
    for page in content.pages:
        for caution in page.verdict.cautions:
            cautions.setdefault(caution, []).append(page.name)
    sentences = [
        caution if len(names) == len(content.pages) else f"{formats.listing(names)}: {caution}"
        for caution, names in cautions.items()
    ]
    tasks = dict.fromkeys(page.task for page in content.pages)
    number = counted(len(tasks), "task")
    if len(tasks) == 1:
        number = f"One task with {counted(len(content.pages), 'label fraction')}"
    return Verdict(f"{number}; the results of each:", headlines, sentences)


def _sections(content: OverviewContent) -> Iterator[Section]:
    links = [(page.address, page.name, page.scored_on) for page in content.pages]
    yield Section("tasks", "Tasks", [Links(links)])
    results: list[Any] = [_tasks_table(content)]
    if content.ranks is not None:
        results.append(_ranks_table(content.ranks))
    yield Section("results", "Results across tasks", results)
    if not content.comparisons.is_empty():
        yield Section("comparisons", "Comparisons", [_comparisons_table(content)])
    yield from content.layout_sections
    curves = [*_curves(content)]
    if curves:
        caption = "AUROC by labelled training images (logarithmic); bars: 95 % intervals."
        blocks: list[Any] = [FigureGroup(caption, curves)]
        if content.labels_to_match is not None and not content.labels_to_match.is_empty():
            blocks.append(_matching_table(content.labels_to_match))
        yield Section("labels", "Label efficiency", blocks)
    yield Section("reading", "How to read this", [_terms(content)])
    yield Section("study", "Study file, as run", [Listing(content.settings_yaml)])


def _tasks_table(content: OverviewContent) -> Table:
    table = content.tasks
    places = {(row["arm"], row["view"]): row for row in table.to_dicts()}
    views = table["view"].unique(maintain_order=True).to_list()
    rows = [
        [Cell(arm), *(estimate_cell(places.get((arm, view))) for view in views)]
        for arm in content.arms
        if any((arm, view) in places for view in views)
    ]
    columns = [Column("Arm"), *(Column(view, numeric=True) for view in views)]
    notes = ["Macro AUROC on the test images of each task, with 95 % intervals; the mean weights all tasks equally."]
    if MEAN_OVER_TASKS in views and table["label_fraction"].n_unique() > 2:
        notes.append("The mean uses each task at its largest label fraction.")
    return Table("tasks", "AUROC of each arm on each task.", columns, rows, table, notes)


def _ranks_table(ranks: pl.DataFrame) -> Table:
    rows = [
        [
            Cell(row["arm"]),
            Cell(formats.estimate(row["mean_rank"], row["ci_low"], row["ci_high"]), row["mean_rank"]),
            Cell(f"{100 * row['prob_best']:.0f} %", row["prob_best"]),
        ]
        for row in ranks.to_dicts()
    ]
    columns = [Column("Arm"), Column("Mean rank (95 % CI)", numeric=True), Column("Best in resamples", numeric=True)]
    count = int(ranks["n_findings_ranked"][0])
    notes = [f"Over {counted(count, 'finding')} of all tasks; 1 is best. Test sets are resampled independently."]
    return Table("ranks_over_tasks", "Ranks over the findings of all tasks.", columns, rows, ranks, notes)


def _comparisons_table(content: OverviewContent) -> Table:
    table = content.comparisons.filter(pl.col("metric") == content.comparisons["metric"][0])
    single = ~pl.col("finding").is_in(list(AVERAGES))
    alone = pl.col("finding").filter(single).n_unique().over("task") == 1
    main = table.filter((pl.col("finding") == MACRO) | (single & alone))
    rows = [
        [
            Cell(row["task"]),
            Cell(f"{row['arm']} − {row['reference']}"),
            difference_cell(row),
            Cell(formats.p_value(row["p_adjusted"]), row["p_adjusted"]),
        ]
        for row in main.to_dicts()
    ]
    columns = [
        Column("Task"), Column("Arms"), Column("Difference in AUROC (95 % CI)", numeric=True),
        Column("Adjusted p", numeric=True),
    ]  # fmt: skip
    notes = [f"Family of tests: {family}." for family in main["family"].unique(maintain_order=True)]
    return Table("comparisons_over_tasks", "Differences on each task.", columns, rows, table, notes)


def _curves(content: OverviewContent) -> Iterator[Any]:
    for task in dict.fromkeys(page.task for page in content.pages):
        rows = content.tasks.filter((pl.col("task") == task) & (pl.col("tasks") == 1))
        if rows["label_fraction"].n_unique() > 1:
            name = f"label_efficiency_{formats.file_stem(task)}"
            yield label_efficiency_figure(name, task, rows, list(content.arms))


def _matching_table(matching: pl.DataFrame) -> Table:
    rows = [
        [
            Cell(row["task"]),
            Cell(row["arm"]),
            Cell(f"{row['reference']} with {row['target_images']:,.0f} ({formats.decimal(row['target'])})"),
            _images(row),
            Cell("–" if row["reached_in"] is None else f"{100 * row['reached_in']:.0f} %", row["reached_in"]),
        ]
        for row in matching.to_dicts()
    ]
    columns = [
        Column("Task"), Column("Arm"), Column("To match"), Column("Labelled images needed (95 % CI)", numeric=True),
        Column("Reached in resamples", numeric=True),
    ]  # fmt: skip
    notes = [
        "To match: the other arm with all labels of this study, and its AUROC. Interpolated between label "
        "fractions over the logarithm of the labelled images; both curves are resampled together."
    ]
    return Table("labels_to_match", "Labels needed to match another arm.", columns, rows, matching, notes)


def _images(row: dict[str, Any]) -> Cell:
    high = "not reached" if row["ci_high"] is None else f"{row['ci_high']:,.0f}"
    low = "not reached" if row["ci_low"] is None else f"{row['ci_low']:,.0f}"
    codes = read_codes(row["codes"])
    if Code.TARGET_NOT_REACHED in codes:
        return Cell(f"not reached ({low} to {high})", None, "faint")
    at_most = "≤ " if Code.FEWEST_LABELS_SUFFICE in codes else ""
    return Cell(f"{at_most}{row['images']:,.0f} ({low} to {high})", row["images"])


def _terms(content: OverviewContent) -> Terms:
    together = "all tasks and label fractions" if content.family == "all_tasks" else "each task separately"
    return Terms(
        [
            (
                "Interval",
                f"95 % confidence interval by bootstrap over patients ({counted(content.n_bootstrap, 'resample')}), "
                "and over seeds where an arm has several. "
                "Test sets are resampled independently; label fractions of a task use the same resamples.",
            ),
            ("Adjusted p", f"Benjamini–Hochberg, over the tests of {together}."),
            (
                "Mean over tasks",
                "Unweighted mean of an arm's macro AUROCs: all tasks have the same weight, however few their patients.",
            ),
        ]
    )


WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 440, 300, 54, 12, 44, 14
LEGEND_ROW, ARMS_A_ROW = 18, 3


def label_efficiency_figure(name: str, title: str, rows: pl.DataFrame, arms: Sequence[str]) -> Figure:
    """Draw estimates with intervals over the number of labelled images, on a logarithmic axis; one line per arm.

    Args:
        name: Stem of the file name.
        title: Name of the task.
        rows: Rows of one task: arm, labelled_images, estimate, ci_low, ci_high.
        arms: Arms in the order of their colours.
    """
    shown = [arm for arm in arms if arm in set(rows["arm"])]
    legend = LEGEND_ROW * -(-len(shown) // ARMS_A_ROW)
    with canvas.style():
        drawing = canvas.sheet(WIDTH, HEIGHT + legend)
        axes = canvas.panel(drawing, LEFT, TOP + legend, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
        axes.set_xscale("log")
        axes.grid(visible=True, axis="y")
        hover: dict[str, str] = {}
        for number, arm in enumerate(shown):
            colour = canvas.ARM_COLOURS[arms.index(arm) % len(canvas.ARM_COLOURS)]
            marker = canvas.ARM_MARKERS[arms.index(arm) % len(canvas.ARM_MARKERS)]
            dashes = _DASHES[arms.index(arm) // len(canvas.ARM_COLOURS) % len(_DASHES)]
            own = rows.filter((pl.col("arm") == arm) & pl.col("estimate").is_not_null()).sort("labelled_images")
            spread = 1 + _SPREAD * (number - (len(shown) - 1) / 2)
            places = [images * spread for images in own["labelled_images"].to_list()]
            axes.plot(
                places,
                own["estimate"].to_list(),
                color=colour,
                marker=marker,
                markersize=5,
                linestyle=dashes,
                linewidth=1.4,
                label=arm,
            )
            for place, row in zip(places, own.to_dicts(), strict=True):
                gid = f"point-{number}-{row['labelled_images']:g}"
                if formats.known(row["ci_low"]) and formats.known(row["ci_high"]):
                    axes.plot([place, place], [row["ci_low"], row["ci_high"]], color=colour, linewidth=1.1, gid=gid)
                text = formats.estimate(row["estimate"], row["ci_low"], row["ci_high"])
                hover[gid] = f"{arm}, {row['labelled_images']:,.0f} labelled images: {text}"
        ticks = sorted(set(rows["labelled_images"].to_list()))
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=canvas.STEPS))
        axes.set_xlabel("Labelled training images")
        axes.set_ylabel("AUROC, 95 % interval")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=ARMS_A_ROW, frameon=False, borderaxespad=0, handlelength=1.6
        )
        description = f"{title}: AUROC of each arm with its 95 % interval, by the number of labelled training images."
        return canvas.as_figure(drawing, name, description, hover)
