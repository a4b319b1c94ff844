"""The sections of the page, from what the study found, in the order of a reader in a hurry.

After the verdict one picture, one table and the images; all else is folded, and opens where a link leads to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from hilum.evaluation.metrics import PROBABILITY_METRICS, THRESHOLD_METRICS
from hilum.report.content import ReportContent
from hilum.report.figures import style
from hilum.report.render import Block, Listing, Prose, Section, formats
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
    scatter_of,
    standings_table,
    statistics_tables,
    subgroup_tables,
    sweep_blocks,
    threshold_table,
    training,
)
from hilum.report.sections import results as tables
from hilum.report.verdict import learning


def sections(content: ReportContent) -> list[Section]:
    """Every section that has something to say; a part that a reader would look for says why it is missing."""
    shown_at_once: list[Callable[[ReportContent], Section | None]] = [overview, results, cases]
    to_open: list[Callable[[ReportContent], Section | None]] = [
        arms, sweeps, comparisons, other_metrics, probes, shortcuts, intervals, curves, at_thresholds, classes,
        calibration, subgroups, external, noise, boxes, embedding, training, data, left_out, provenance, study_file,
        reading,
    ]  # fmt: skip
    with style():
        first, rest = ([make(content) for make in each] for each in (shown_at_once, to_open))
    shown = [section for section in first if section is not None]
    place = next((at for at, section in enumerate(shown) if section.anchor == "results"), 0) + 1
    opened = [replace(section, folded=True) for section in rest if section is not None]
    return [*shown[:place], *content.layout_sections, *shown[place:], *opened]


def arms(content: ReportContent) -> Section:
    """What was compared."""
    failed: list[Block] = [Prose(content.failed, True)] if content.failed else []
    return Section("arms", "Arms", [tables.arms_table(content.arms), *failed])


def sweeps(content: ReportContent) -> Section | None:
    """What was tried before the arms were trained."""
    return _section("sweeps", "Settings that were tried", sweep_blocks(content.sweeps))


def results(content: ReportContent) -> Section:
    """Estimates with intervals in the first metric."""
    metrics = _metrics_of_tables(content)[:1]
    blocks: list[Block] = [tables.results_table(content, metric) for metric in metrics]
    return Section("results", "Results", blocks or [Prose(["Nothing was scored."])])


def other_metrics(content: ReportContent) -> Section | None:
    """The same in the metrics after the first; what needs thresholds or probabilities has its own section."""
    made = [tables.results_table(content, metric) for metric in _metrics_of_tables(content)[1:]]
    return _section("other-metrics", "Other metrics", made)


def _metrics_of_tables(content: ReportContent) -> list[str]:
    elsewhere = {*THRESHOLD_METRICS, *PROBABILITY_METRICS}
    return [metric for metric in content.metrics["metric"].unique(maintain_order=True) if metric not in elsewhere]


def comparisons(content: ReportContent) -> Section:
    """Paired differences."""
    if content.comparisons.is_empty():
        why = (
            "There is one arm, so nothing to compare it with."
            if len(content.arms) < 2
            else "The arms were not compared: no reference arm was named."
        )
        return Section("comparisons", "Comparisons", [Prose([why])])
    more = (
        joint_table_of(content),
        tables.other_metrics_table(content),
        standings_table(content),
        ranks_table_of(content),
        margins_table_of(content),
    )
    blocks = [tables.comparisons_table(content), *(table for table in more if table is not None)]
    return Section("comparisons", "Comparisons", blocks)


def shortcuts(content: ReportContent) -> Section | None:
    """What needs no radiology."""
    made = (baselines.baselines_table(content), baselines.above_baselines_table(content))
    return _section("baselines", "Shortcut baselines", [table for table in made if table is not None])


def probes(content: ReportContent) -> Section | None:
    """What each arm makes of its labels, beside a linear probe; and arms that had not finished learning."""
    made = (learning.probes_table(content), learning.learning_table(content))
    return _section("probes", "Beside a linear probe", [table for table in made if table is not None])


def at_thresholds(content: ReportContent) -> Section | None:
    """Sensitivity and the like."""
    table = threshold_table(content)
    if table is not None:
        return Section("thresholds", "At a threshold", [table])
    if not content.predictions:
        return None
    why = "No sensitivity and the like: no thresholds were chosen, for there are no predictions of validation images."
    return Section("thresholds", "At a threshold", [Prose([why])])


def subgroups(content: ReportContent) -> Section | None:
    """Groups of patients."""
    return _section("subgroups", "Groups of patients", subgroup_tables(content))


def external(content: ReportContent) -> Section | None:
    """Trained here, tested there."""
    return _section("external", "External validation", external_tables(content))


def noise(content: ReportContent) -> Section | None:
    """Doubtful labels."""
    return _section("noise", "Doubtful labels", noise_tables(content))


def boxes(content: ReportContent) -> Section | None:
    """Heat-maps against boxes."""
    return _section("boxes", "Heat-maps against boxes", statistics_tables(content.box_scores))


def cases(content: ReportContent) -> Section | None:
    """Images one by one."""
    browser = case_browser(content)
    return None if browser is None else Section("cases", "Images", [browser])


def embedding(content: ReportContent) -> Section | None:
    """Images as points."""
    made: list[Block] = [scatter_of(one) for one in content.embeddings if len(one.points)]
    numbers = purity_table(content)
    return _section("embedding", "Images by likeness", [*([numbers] if numbers else []), *made])


def data(content: ReportContent) -> Section:
    """What went in, per split and finding, and what could not be read."""
    blocks: list[Block] = []
    if content.labelled is not None and not content.labelled.is_empty():
        blocks += [
            Prose([f"Labels that were learnt from: {content.labelled_in_words}."]),
            tables.labelled_table(content),
        ]
    for summary in content.data:
        images, patients = formats.plural(summary.images, "image"), formats.plural(summary.patients, "patient")
        split = f"Split {summary.split_title}." if summary.split_title else "Not split."
        blocks.append(Prose([f"{summary.name} ({summary.collection}): {images} of {patients}. {split}"]))
        if not summary.counts.is_empty():
            blocks.append(tables.counts_table(summary))
        if summary.rejected.is_empty():
            blocks.append(Prose(["Every image could be read."]))
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


def _section(anchor: str, title: str, made: Sequence[Block]) -> Section | None:
    return Section(anchor, title, made) if made else None
