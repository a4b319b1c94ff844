"""Box plots of a metric over findings, one box per arm, with the p-value of its macro difference."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from matplotlib.ticker import MaxNLocator

from hilum.evaluation.metrics import AVERAGES, overall_finding
from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.render import Figure, formats

HEIGHT, LEFT, TOP, BOTTOM, COLUMN, RIGHT = 330, 48, 34, 46, 104, 12
_FEW_ARMS, _NARROW, _SLANTED = 8, 36, 74
"""Most arms with wide columns; width of the narrow columns of more arms, and height of their slanted names, px."""
_FEWEST = 3
"""Minimum number of findings of a box plot."""


def box_plot(content: ReportContent, metric: str) -> Figure | None:
    """Draw each arm's estimates over findings as dots, box and mean (cross); None with fewer than three findings."""
    rows = content.metrics.filter((pl.col("metric") == metric) & ~pl.col("finding").is_in(list(AVERAGES)))
    rows = rows.filter(pl.col("estimate").cast(pl.Float64).fill_nan(None).is_not_null())
    arms = [arm for arm in content.arms if arm.name in set(rows["arm"])]
    if not arms or rows["finding"].n_unique() < _FEWEST:
        return None
    colours = canvas.arm_colours(content.arms, content.reference)
    p_values = _p_values(content, metric)
    many = len(arms) > _FEW_ARMS
    column, below = (_NARROW, _SLANTED) if many else (COLUMN, 0)
    width, top = LEFT + column * len(arms) + RIGHT, TOP + below
    drawing = canvas.sheet(width, HEIGHT + 2 * below)
    axes = canvas.panel(drawing, LEFT, top, column * len(arms), HEIGHT - TOP - BOTTOM)
    above: dict[str, Any] = {"rotation": 60, "ha": "left", "rotation_mode": "anchor"} if many else {"ha": "center"}
    axes.grid(visible=True, axis="y")
    findings = rows["finding"].unique(maintain_order=True).to_list()
    hover: dict[str, str] = {}
    for at, arm in enumerate(arms):
        own = rows.filter(pl.col("arm") == arm.name)
        values, colour = own["estimate"].to_numpy(), colours[arm.title]
        line = {"color": colour, "linewidth": 1.4}
        axes.boxplot(
            values, positions=[at], widths=0.42, showfliers=False, boxprops=line, whiskerprops=line, capprops=line,
            medianprops={"color": colour, "linewidth": 2.4}, showmeans=True,
            meanprops={"marker": "x", "markeredgecolor": canvas.INK, "markersize": 7, "markeredgewidth": 1.6},
        )  # fmt: skip
        for finding, value in zip(own["finding"], values, strict=True):
            aside = 0.22 * ((findings.index(finding) + 0.5) / len(findings) * 2 - 1)
            gid = f"dot{len(hover)}"
            hover[gid] = f"{arm.name}, {finding}: {formats.decimal(value)}"
            axes.plot([at + aside], [value], "o", color=colour, markersize=4.5, alpha=0.65, markeredgewidth=0, gid=gid)
        if arm.name in p_values:
            axes.text(at, 1.03, p_values[arm.name], transform=axes.get_xaxis_transform(), fontsize=10, **above)
        elif arm.name == content.reference:
            axes.text(at, 1.03, "reference", transform=axes.get_xaxis_transform(), color=canvas.FAINT, **above)
    axes.set_xlim(-0.5, len(arms) - 0.5)
    slanted: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if many else {}
    axes.set_xticks(range(len(arms)), [canvas.shortened(arm.title, 16) for arm in arms], **slanted)
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=canvas.STEPS))
    axes.set_ylabel(formats.metric_name(metric))
    median = "; ".join(
        f"{arm.name} {np.median(rows.filter(pl.col('arm') == arm.name)['estimate'].to_numpy()):.3f}" for arm in arms
    )
    description = f"{formats.metric_name(metric)} over {len(findings)} findings, one box per arm. Medians: {median}."
    return canvas.as_figure(drawing, f"boxes_{metric}", description, hover)


def _p_values(content: ReportContent, metric: str) -> Mapping[str, str]:
    """Return the text above each arm's box: the adjusted p of its macro difference from the reference arm."""
    if content.reference is None or content.comparisons.is_empty():
        return {}
    overall = overall_finding(content.comparisons["finding"].to_list())
    rows = content.comparisons.filter(
        (pl.col("metric") == metric) & (pl.col("finding") == overall) & (pl.col("reference") == content.reference)
    )
    known = [(row["arm"], row["p_adjusted"]) for row in rows.to_dicts() if formats.known(row["p_adjusted"])]
    return {arm: formats.p_equation(p) for arm, p in known}
