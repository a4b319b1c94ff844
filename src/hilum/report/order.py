"""Sections of the report page in reading order.

The verdict is followed by one figure, one table and the images; all other sections are folded, and open where a link
leads to them.
"""

from collections.abc import Sequence
from dataclasses import replace

from hilum.evaluation.metrics import PROBABILITY_METRICS, THRESHOLD_METRICS
from hilum.report.content import ReportContent
from hilum.report.figures import style
from hilum.report.render import Block, Listing, Prose, Section
from hilum.report.sections import (
    baselines,
    calibration,
    case_browser,
    classes,
    curves,
    external_tables,
    intervals,
    joint_table_of,
    margins_table_of,
    noise_tables,
    overview,
    purity_table,
    ranks_table_of,
    reading,
    results as tables,
    scatter_of,
    standings_table,
    statistics_tables,
    subgroup_tables,
    sweep_blocks,
    threshold_table,
    training,
)
from hilum.report.verdict import learning
from hilum.wording import counted


def sections(content: ReportContent) -> list[Section]:
    """Return all sections with content; main sections without content state the reason."""
    with style():
        shown = [section for section in (overview(content), _results(content), _cases(content)) if section]
        folded = [replace(section, folded=True) for section in _folded(content) if section]
    place = next((at for at, section in enumerate(shown) if section.anchor == "results"), 0) + 1
    return [*shown[:place], *content.layout_sections, *shown[place:], *folded]


def _folded(content: ReportContent) -> list[Section | None]:
    other_metrics = [tables.results_table(content, metric) for metric in _metrics_of_tables(content)[1:]]
    embeddings = [scatter_of(one) for one in content.embeddings if len(one.points)]
    return [
        _arms(content),
        _section("sweeps", "Hyper-parameter search", sweep_blocks(content.sweeps)),
        _comparisons(content),
        _section("other-metrics", "Other metrics", other_metrics),
        _section("probes", "Linear probes", [learning.probes_table(content), learning.learning_table(content)]),
        _section(
            "baselines",
            "Shortcut baselines",
            [baselines.baselines_table(content), baselines.above_baselines_table(content)],
        ),
        intervals(content),
        curves(content),
        _at_thresholds(content),
        classes(content),
        calibration(content),
        _section("subgroups", "Subgroups", subgroup_tables(content)),
        _section("external", "External validation", external_tables(content)),
        _section("noise", "Label issues", noise_tables(content)),
        _section("boxes", "Localisation: heat maps against boxes", statistics_tables(content.box_scores)),
        _section("embedding", "Embedding of the images", [purity_table(content), *embeddings]),
        training(content),
        _data(content),
        _exclusions(content),
        _section("provenance", "Provenance", [tables.provenance_table(content.provenance)])
        if content.provenance
        else None,
        _section("study-file", "Study file, as run", [Listing(content.settings_yaml)])
        if content.settings_yaml
        else None,
        reading(content),
    ]


def _section(anchor: str, title: str, blocks: Sequence[Block | None]) -> Section | None:
    """Return a section of the blocks that are not None; None without any."""
    made = [block for block in blocks if block is not None]
    return Section(anchor, title, made) if made else None


def _metrics_of_tables(content: ReportContent) -> list[str]:
    """Return the metrics without those that have their own sections (thresholds, calibration)."""
    elsewhere = {*THRESHOLD_METRICS, *PROBABILITY_METRICS}
    return [metric for metric in content.metrics["metric"].unique(maintain_order=True) if metric not in elsewhere]


def _results(content: ReportContent) -> Section:
    blocks: list[Block] = [tables.results_table(content, metric) for metric in _metrics_of_tables(content)[:1]]
    return Section("results", "Results", blocks or [Prose(["Nothing was scored."])])


def _arms(content: ReportContent) -> Section:
    failed: list[Block] = [Prose(content.failed, True)] if content.failed else []
    return Section("arms", "Arms", [tables.arms_table(content.arms), *failed])


def _comparisons(content: ReportContent) -> Section | None:
    if content.comparisons.is_empty():
        why = (
            "There is one arm, so there is no comparison."
            if len(content.arms) < 2
            else "The arms were not compared: no reference arm was named."
        )
        return Section("comparisons", "Comparisons", [Prose([why])])
    blocks = [
        tables.comparisons_table(content),
        joint_table_of(content),
        tables.other_metrics_table(content),
        standings_table(content),
        ranks_table_of(content),
        margins_table_of(content),
    ]
    return _section("comparisons", "Comparisons", blocks)


def _at_thresholds(content: ReportContent) -> Section | None:
    table = threshold_table(content)
    if table is None and not content.predictions:
        return None
    why = "No sensitivity or specificity: there are no predictions of validation images to choose thresholds on."
    return Section("thresholds", "Threshold metrics", [table or Prose([why])])


def _cases(content: ReportContent) -> Section | None:
    return _section("cases", "Images", [case_browser(content)])


def _data(content: ReportContent) -> Section:
    blocks: list[Block] = []
    if content.labelled is not None and not content.labelled.is_empty():
        blocks += [Prose([f"Labelled training data: {content.labelled_description}."]), tables.labelled_table(content)]
    for summary in content.data:
        images, patients = counted(summary.images, "image"), counted(summary.patients, "patient")
        split = f"Split {summary.split_title}." if summary.split_title else "Not split."
        blocks.append(Prose([f"{summary.name} ({summary.collection}): {images} of {patients}. {split}"]))
        if not summary.counts.is_empty():
            blocks.append(tables.counts_table(summary))
        readable = Prose(["All images could be read."])
        blocks.append(readable if summary.rejected.is_empty() else tables.rejected_table(summary))
    return Section("data", "Data", blocks or [Prose(["No data set was described."])])


def _exclusions(content: ReportContent) -> Section:
    items = list(content.left_out)
    return Section("left-out", "Exclusions", [Prose(items, True) if items else Prose(["Nothing was excluded."])])
