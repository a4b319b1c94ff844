"""Scatter plot of an embedding as SVG: the points that the page draws on its canvas."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.report.figures import canvas
from hilum.report.render import Figure
from hilum.wording import counted

CLASS_COLOURS = canvas.ARM_COLOURS
OTHER = canvas.REFERENCE
SIDE, LINE, MARGIN = 480, 16, 12


def points_figure(
    name: str,
    title: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    labels: Sequence[str],
    colours: Mapping[str, str],
) -> Figure:
    """Draw the points.

    Args:
        name: Name of the `Figure`.
        title: Projection method.
        x, y: Coordinates, (N,), 0 to 1,000, y downwards.
        labels: Classes of the N images.
        colours: Colours of the classes in the order of the legend.
    """
    drawing = canvas.sheet(SIDE + 2 * MARGIN, SIDE + 3 * MARGIN + LINE * len(colours))
    axes = canvas.panel(drawing, MARGIN, MARGIN, SIDE, SIDE)
    axes.set(xlim=(-10, 1010), ylim=(1010, -10), xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
    own = np.asarray(labels)
    for at, (label, colour) in enumerate(colours.items()):
        inside = own == label
        axes.plot(x[inside], y[inside], ".", color=colour, markersize=4, alpha=0.7, markeredgewidth=0)
        place = -(MARGIN + LINE * (at + 0.5)) / SIDE
        axes.plot([0.01], [place], "o", color=colour, markersize=6, transform=axes.transAxes, clip_on=False)
        axes.text(0.03, place, f"{label} ({inside.sum():,})", transform=axes.transAxes, va="center", fontsize=10)
    return canvas.as_figure(
        drawing,
        name,
        f"{title}: {counted(len(x), 'image as a point', 'images as points')}, coloured by {len(colours)} classes.",
    )
