"""Label efficiency curves: AUROC by the number of labelled images, one line per arm."""

from collections.abc import Sequence

import polars as pl
from matplotlib.ticker import MaxNLocator, NullLocator

from hilum.report.figures import canvas
from hilum.report.render import Figure, formats

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 440, 300, 54, 12, 44, 14
LEGEND_ROW, ARMS_A_ROW = 18, 3
_DASHES = ("solid", "dashed", "dotted", "dashdot")
"""Line styles of more arms than colours."""
_SPREAD = 0.02  # of the axis, between arms at one number of labels


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
