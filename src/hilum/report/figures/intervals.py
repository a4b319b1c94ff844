"""Forest plots of estimates and differences with their intervals, grouped by finding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.figures.roc import Roc
from hilum.report.render import Figure, formats
from hilum.report.render.formats import finding_name, place_of
from hilum.report.rows import direction, overall_rows

WIDTH, ROW, GAP, TOP, BOTTOM, RIGHT = 440, 13, 11, 8, 42, 14
LETTER = 6.3


@dataclass(frozen=True)
class Interval:
    """One line of a forest plot.

    Args:
        group: Label shared by several lines: a finding.
        arm: Arm, which sets colour and marker.
        estimate, low, high: Estimate and interval; None or NaN where unknown.
        hover: Tooltip.
        filled: Whether its marker is filled; an open one means a difference that is not significant.
        replicates: Estimates of single seeds, drawn as small ticks.
        band: Half-width of a pale band around zero: the minimum detectable difference.
    """

    group: str
    arm: str
    estimate: float | None
    low: float | None
    high: float | None
    hover: str
    filled: bool = True
    replicates: Sequence[float] = ()
    band: float | None = None


def forest(
    name: str,
    description: str,
    intervals: Sequence[Interval],
    colours: Mapping[str, str],
    label: str,
    line: float | None,
    *,
    legend: bool = True,
) -> Figure:
    """Draw intervals grouped by finding.

    Args:
        name: Name of the `Figure`.
        description: Description of the `Figure`.
        intervals: Lines in reading order.
        colours: Colours of the arms; their order sets the markers.
        label: Label of the horizontal axis.
        line: Position of the null line: 0.5 for an AUROC, 0 for a difference; None for none.
        legend: Whether to draw a legend of the arms.
    """
    groups = list(dict.fromkeys(interval.group for interval in intervals))
    arms = [arm for arm in colours if any(interval.arm == arm for interval in intervals)]
    above = 18 * _legend_rows(arms) if legend else 0
    left = min(12 + LETTER * max(len(group) for group in groups), 190)
    body = sum(ROW * sum(i.group == group for i in intervals) + GAP for group in groups)
    drawing = canvas.sheet(WIDTH, TOP + above + body + BOTTOM)
    axes = canvas.panel(drawing, left, TOP + above, WIDTH - left - RIGHT, body)
    axes.set_ylim(body, 0)
    axes.set_xlim(*_limits(intervals, line))
    if line is not None:
        axes.axvline(line, color=canvas.FAINT, linewidth=0.9, linestyle=(0, (3, 3)))
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=canvas.STEPS))
    axes.set_xlabel(label)
    hover: dict[str, str] = {}
    ticks, top = [], 0.0
    for group in groups:
        lines = [interval for interval in intervals if interval.group == group]
        for i, interval in enumerate(lines):
            _draw(axes, interval, top + GAP / 2 + ROW * (i + 0.5), colours, hover)
        ticks.append(top + (GAP + ROW * len(lines)) / 2)
        top += GAP + ROW * len(lines)
        if group != groups[-1]:
            axes.axhline(top, color=canvas.RULE, linewidth=0.8)
    axes.set_yticks(ticks, groups)
    axes.tick_params(axis="y", length=0)
    if legend:
        _legend(axes, arms, colours, (WIDTH - left - RIGHT, body), left)
    return canvas.as_figure(drawing, name, description, hover)


def estimates_forest(content: ReportContent, metric: str, rocs: Mapping[tuple[str, str], Roc]) -> Figure:
    """Draw each arm's estimate of each finding, `macro` first; small ticks are single seeds."""
    name = formats.metric_name(metric)
    titles = {arm.name: arm.title for arm in content.arms}
    rows = content.metrics.filter(pl.col("metric") == metric).to_dicts()
    intervals = []
    for row in sorted(rows, key=lambda row: place_of(row["finding"])):
        own = rocs.get((row["arm"], row["finding"])) if metric == "auroc" else None
        finding, bounds = finding_name(row["finding"]), (row["estimate"], row["ci_low"], row["ci_high"])
        text = f"{row['arm']}, {row['finding']}: {formats.estimate(*bounds)}"
        intervals.append(
            Interval(finding, titles[row["arm"]], *bounds, text, replicates=own.areas if own is not None else ())
        )
    colours = canvas.arm_colours(content.arms, content.reference)
    description = f"{name} of each arm and finding with 95 % intervals."
    label = f"{formats.capital(name)}, 95 % interval"
    return forest(f"intervals_{metric}", description, intervals, colours, label, _chance(metric))


def overview_forest(content: ReportContent) -> Figure | None:
    """Draw one line per arm and baseline, averaged over findings; None without estimates."""
    rows = [row for row in overall_rows(content.metrics) if formats.known(row["estimate"])]
    if not rows:
        return None
    metric, name = rows[0]["metric"], formats.metric_name(rows[0]["metric"])
    titles = {arm.name: arm.title for arm in content.arms}
    beside = [] if content.baseline_metrics is None else overall_rows(content.baseline_metrics)
    colours = canvas.arm_colours(content.arms, content.reference)
    colours |= {str(row["arm"]): canvas.FAINT for row in beside}
    intervals = []
    for row in [*rows, *beside]:
        title, bounds = str(titles.get(row["arm"], row["arm"])), (row["estimate"], row["ci_low"], row["ci_high"])
        intervals.append(Interval(title, title, *bounds, f"{title}: {formats.estimate(*bounds)}", filled=row in rows))
    over = finding_name(rows[0]["finding"])
    description = f"{name} ({over}) of each arm and baseline with 95 % intervals."
    label = f"{formats.capital(name)}, {over}, 95 % interval"
    return forest("overview", description, intervals, colours, label, _chance(metric), legend=False)


def differences_forest(content: ReportContent, metric: str) -> Figure:
    """Draw each arm's difference from the reference arm, `macro` first, over the minimum detectable difference."""
    name = formats.metric_name(metric)
    titles = {arm.name: arm.title for arm in content.arms}
    chosen = (pl.col("metric") == metric) & (pl.col("reference") == content.reference)
    intervals = [
        Interval(
            finding_name(row["finding"]),
            titles[row["arm"]],
            row["difference"],
            row["ci_low"],
            row["ci_high"],
            f"{row['arm']} − {row['reference']}, {row['finding']}: "
            f"{formats.difference(row['difference'], row['ci_low'], row['ci_high'], signed=True)}, "
            f"{formats.p_statement(row['p_adjusted'])}",
            filled=direction(row) in ("better", "worse"),
            band=row.get("minimum_detectable_difference"),
        )
        for row in sorted(content.comparisons.filter(chosen).to_dicts(), key=lambda row: place_of(row["finding"]))
    ]
    colours = canvas.arm_colours(content.arms, content.reference)
    description = f"Differences in {name} from {content.reference} with 95 % intervals."
    label = f"Difference in {name} from {content.reference}"
    return forest(f"differences_{metric}", description, intervals, colours, label, 0.0)


def _chance(metric: str) -> float | None:
    """Return the value at chance level, where it is the same for all findings."""
    return 0.5 if metric in ("auroc", "partial_auroc") else None


def _draw(axes: Axes, interval: Interval, y: float, colours: Mapping[str, str], hover: dict[str, str]) -> None:
    colour = colours[interval.arm]
    if interval.band is not None and formats.known(interval.band):
        axes.plot([-interval.band, interval.band], [y, y], color=canvas.RULE, linewidth=ROW - 3, solid_capstyle="butt")
    if interval.estimate is None or not formats.known(interval.estimate):
        left, right = axes.get_xlim()
        axes.text(left + 0.01 * (right - left), y, "not estimable", color=canvas.FAINT, fontsize=9, va="center")
        return
    if interval.low is not None and interval.high is not None and formats.known(interval.low):
        gid = f"bar{len(hover)}"
        hover[gid] = interval.hover
        axes.plot([interval.low, interval.high], [y, y], color=colour, linewidth=1.8, gid=gid)
    if len(interval.replicates) > 1:
        axes.plot(interval.replicates, [y] * len(interval.replicates), "|", color=colour, markersize=8, linewidth=0)
    gid = f"mark{len(hover)}"
    hover[gid] = interval.hover
    marker = canvas.ARM_MARKERS[list(colours).index(interval.arm) % len(canvas.ARM_MARKERS)]
    face = colour if interval.filled else canvas.PAPER
    axes.plot(
        [interval.estimate], [y], marker, color=colour, markerfacecolor=face, markersize=6, markeredgewidth=1.5, gid=gid
    )


def _limits(intervals: Sequence[Interval], line: float | None) -> tuple[float, float]:
    values = [
        value
        for interval in intervals
        for value in (interval.estimate, interval.low, interval.high, *interval.replicates)
        if value is not None and formats.known(value)
    ]
    values += [line] if line is not None else []
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = 0.04 * (high - low) or 0.05
    return low - margin, high + margin


def _legend_places(arms: Sequence[str]) -> list[tuple[int, float]]:
    """Return row and left edge (px) of each arm's legend entry."""
    places, row, x = [], 0, 0.0
    for arm in arms:
        width = 22 + LETTER * len(arm) + 14
        if x and x + width > WIDTH - 16:
            row, x = row + 1, 0.0
        places.append((row, x))
        x += width
    return places


def _legend_rows(arms: Sequence[str]) -> int:
    return _legend_places(arms)[-1][0] + 1 if arms else 0


def _legend(
    axes: Axes, arms: Sequence[str], colours: Mapping[str, str], size: tuple[float, float], left: float
) -> None:
    width, height = size
    rows = _legend_rows(arms)
    order = list(colours)
    for arm, (row, x) in zip(arms, _legend_places(arms), strict=True):
        at = (x + 10 - left) / width, 1 + (6 + 18 * (rows - 1 - row)) / height
        marker = canvas.ARM_MARKERS[order.index(arm) % len(canvas.ARM_MARKERS)]
        axes.plot([at[0]], [at[1]], marker, color=colours[arm], markersize=6, transform=axes.transAxes, clip_on=False)
        axes.text(at[0] + 9 / width, at[1], arm, va="center", transform=axes.transAxes)
