"""Contact sheet as a self-contained page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hilum.artifacts import write_text
from hilum.report.page_template import Filters, render_template
from hilum.report.pages.contact_sheet import BINS, Panel, Strip
from hilum.report.render import png


def write_page(strips: Sequence[Strip], steps: str, notes: Sequence[str], path: Path) -> None:
    """Write the sheet as HTML, completely or not at all; the same images give the same bytes.

    Args:
        strips: Images by data set.
        steps: Preprocessing as in a study file.
        notes: Notes for the reader, one sentence each.
        path: Path of the page.
    """
    filters: Filters = {"png": png, "values": values, "outline": outline}
    page = render_template("contact_sheet.html.j2", filters, strips=strips, steps=steps, notes=notes, bins=BINS)
    write_text(path, page)


def values(image: Panel) -> str:
    """Format the size (width × height), bit depth, range and number of levels of an image."""
    parts = (
        f"{image.width:,} × {image.height:,} px",
        f"{image.bits} bits",
        f"{image.low:,} to {image.high:,}",
        f"{image.levels:,} levels",
    )
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)  # lines break between parts only


def outline(image: Panel) -> str:
    """Return the histogram as an SVG path in a box of BINS × 1, with square roots of the counts as heights."""
    heights = np.sqrt(image.histogram / max(image.histogram.max(), 1e-12))
    steps = "".join(f"V{1 - height:.3f}H{place + 1}" for place, height in enumerate(heights))
    return f"M0 1{steps}V1Z"
