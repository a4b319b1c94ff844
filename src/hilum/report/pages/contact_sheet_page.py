"""A contact sheet as one page that needs nothing beside it."""

import base64
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

import hilum
from hilum.artifacts import write_text
from hilum.report.pages.contact_sheet import BINS, Panel, Strip


def write_page(strips: Sequence[Strip], steps: str, notes: Sequence[str], path: Path) -> None:
    """Write the sheet as HTML, whole or not at all; the same images give the same bytes.

    Args:
        strips: the images, by data set.
        steps: the recipe as it stands in a study file.
        notes: what the reader should know, one sentence each.
        path: of the page.
    """
    room = Environment(
        loader=PackageLoader("hilum.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.filters |= {"as_url": as_url, "values": values, "outline": outline}
    page = room.get_template("contact_sheet.html.j2").render(
        strips=strips, steps=steps, notes=notes, bins=BINS, version=hilum.__version__
    )
    write_text(path, page)


def as_url(image: NDArray[np.uint8]) -> str:
    """An image inside the page: a PNG as a data URL."""
    _, png = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return f"data:image/png;base64,{base64.b64encode(png.tobytes()).decode()}"


def values(image: Panel) -> str:
    """What stands below an image: its size (width × height), bits, range and number of levels."""
    parts = (
        f"{image.width:,} × {image.height:,} px",
        f"{image.bits} bits",
        f"{image.low:,} to {image.high:,}",
        f"{image.levels:,} levels",
    )
    return " · ".join(part.replace(" ", "\u00a0") for part in parts)  # lines break between parts only


def outline(image: Panel) -> str:
    """The histogram as an SVG path in a box of BINS × 1: square roots of the counts, so that small ones are seen."""
    heights = np.sqrt(image.histogram / max(image.histogram.max(), 1e-12))
    steps = "".join(f"V{1 - height:.3f}H{place + 1}" for place, height in enumerate(heights))
    return f"M0 1{steps}V1Z"
