"""Contact sheet: images before and after preprocessing with their pixel values, as a page and as a PNG file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from hilum.artifacts import whole_file, write_text
from hilum.data.images.gray import Gray, UnreadableImage
from hilum.data.paths import NOT_ON_DISK, OUTSIDE, leads_inside
from hilum.data.pixels import DecodedImage, read_image
from hilum.data.preprocess import Recipe, eight_bits, plane_of, preprocess
from hilum.draws import Stream, image_keys, shuffled
from hilum.errors import HilumError
from hilum.progress import ProgressReport, silent
from hilum.report.figures import ARM_COLOURS, FAINT, INK, shortened, style
from hilum.report.page_template import Filters, render_template
from hilum.report.render import png

BINS = 64
_LONGEST_SIDE = 512  # of shown images, pixels
_PAIRS = 3  # of images in a row
_DPI = 110


@dataclass(frozen=True)
class Box:
    """Box of a finding as fractions of the image's width and height: 0 to 1 inside, outside where it is cropped."""

    finding: str
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Panel:
    """Image with statistics of its pixel values.

    Attributes:
        shown: Pixels for display, (h, w) uint8: 16 bits are scaled to 8, large images are reduced.
        height, width: Size of the original image, pixels.
        bits: Bit depth, 8 or 16.
        low, high: Lowest and highest value.
        levels: Number of distinct values.
        histogram: Fraction of the pixels in each bin of its own range (8 bits: of 0 to 255), (BINS,).
        boxes: Boxes on it.
    """

    shown: NDArray[np.uint8]
    height: int
    width: int
    bits: int
    low: int
    high: int
    levels: int
    histogram: NDArray[np.float64]
    boxes: Sequence[Box]


@dataclass(frozen=True)
class SheetRow:
    """Image of the sheet: `raw` and preprocessed (`made`), or the reason why it is unreadable."""

    image_id: str
    about: str
    raw: Panel | None = None
    made: Panel | None = None
    reason: str = ""


@dataclass(frozen=True)
class Strip:
    """Images of one data set."""

    title: str
    images: Sequence[SheetRow]


def choose(manifest: pl.DataFrame, count: int, seed: int, image_ids: Sequence[str] = ()) -> pl.DataFrame:
    """Select the images to show: those named, in this order, or random ones of those on disk.

    Raises:
        HilumError: An image is not in the manifest.
    """
    if image_ids:
        unknown = sorted(set(image_ids) - set(manifest["image_id"]))
        if unknown:
            raise HilumError(
                "--image-ids", expected="image_id of the manifest", found=", ".join(unknown[:3]), fix="Check the names."
            )
        order = pl.DataFrame({"image_id": list(dict.fromkeys(image_ids))})
        return order.join(manifest, on="image_id", how="left", maintain_order="left")
    here = manifest.filter(pl.col("path").is_not_null())
    drawn = shuffled(seed, image_keys(here["image_id"]), use=Stream.CONTACT_SHEET)[:count]
    return here.select(pl.all().gather(drawn))


def read_rows(
    chosen: pl.DataFrame,
    root: Path,
    recipe: Recipe,
    boxes: pl.DataFrame | None = None,
    on_progress: ProgressReport = silent,
) -> list[SheetRow]:
    """Decode and preprocess images for a sheet; unreadable ones, or ones outside the root, have a reason instead.

    Args:
        chosen: Rows of a manifest.
        root: Folder of their paths.
        recipe: Preprocessing.
        boxes: Boxes to draw, as in `Dataset.boxes`; None for none.
        on_progress: Called with (images done, images, note).
    """
    images = []
    for done, row in enumerate(chosen.iter_rows(named=True)):
        on_progress(done, len(chosen), "")
        about = " · ".join(str(row[name]) for name in ("view", "sex") if row.get(name))
        try:
            image = _read(root, row["path"], recipe)
        except UnreadableImage as error:
            images.append(SheetRow(row["image_id"], about, reason=error.reason))
            continue
        gray = image.pixels
        about = " · ".join(filter(None, (about, *(remark.description for remark in image.remarks))))
        own = _boxes_of(row["image_id"], boxes)
        raw = _image(gray, _placed(own, 0, 0, 1, 1))
        left, top, width, height = plane_of(recipe, *gray.shape)
        across, down = gray.shape[1], gray.shape[0]
        placed = _placed(own, left / across, top / down, width / across, height / down)
        images.append(SheetRow(row["image_id"], about, raw, _image(preprocess(gray, recipe), placed)))
    return images


def _read(root: Path, path: str | None, recipe: Recipe) -> DecodedImage:
    if path is None:
        raise UnreadableImage(root, reason=NOT_ON_DISK)
    if not leads_inside(root / path, root.resolve()):
        raise UnreadableImage(root, reason=OUTSIDE)
    return read_image(root / path, recipe.window)


def _image(gray: Gray, boxes: Sequence[Box]) -> Panel:
    counts = np.bincount(gray.ravel())
    low, high = int(gray.min()), int(gray.max())
    first, last = (0, 255) if gray.dtype == np.uint8 else (low, max(high, low + 1))
    histogram, _ = np.histogram(np.arange(len(counts)), bins=BINS, range=(first, last), weights=counts)
    return Panel(
        shown=_for_display(gray),
        height=gray.shape[0],
        width=gray.shape[1],
        bits=8 * gray.dtype.itemsize,
        low=low,
        high=high,
        levels=int(np.count_nonzero(counts)),
        histogram=histogram / gray.size,
        boxes=boxes,
    )


def _for_display(gray: Gray) -> NDArray[np.uint8]:
    scale = _LONGEST_SIDE / max(gray.shape)
    if scale >= 1:
        return eight_bits(gray)
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    return eight_bits(np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA)))


def _boxes_of(image_id: str, boxes: pl.DataFrame | None) -> list[Box]:
    """Return the boxes of an image as fractions of the frame that they were drawn in."""
    if boxes is None:
        return []
    return [
        Box(
            row["finding"],
            row["x"] / row["frame_width"],
            row["y"] / row["frame_height"],
            row["width"] / row["frame_width"],
            row["height"] / row["frame_height"],
        )
        for row in boxes.filter(pl.col("image_id") == image_id).iter_rows(named=True)
    ]


def _placed(boxes: Sequence[Box], left: float, top: float, width: float, height: float) -> list[Box]:
    """Return the boxes relative to a crop of the image (given as fractions of the image)."""
    return [
        Box(box.finding, (box.left - left) / width, (box.top - top) / height, box.width / width, box.height / height)
        for box in boxes
    ]


_SIDE, _TEXT, _HISTOGRAM, _GAP = 2.6, 0.42, 0.34, 0.25  # inches


def write_image(strips: Sequence[Strip], steps: str, path: Path) -> None:
    """Write the sheet as PNG, completely or not at all; see `hilum.report.pages.contact_sheet.write_page`."""
    images = [(strip.title, image) for strip in strips for image in strip.images]
    rows = -(-len(images) // _PAIRS)
    wide, high = 2 * _SIDE + _GAP, _SIDE + _TEXT + _HISTOGRAM + _GAP
    size = (_PAIRS * wide + _GAP, rows * high + 2 * _GAP)
    with style():
        drawing = Figure(figsize=size, facecolor="white")
        FigureCanvasAgg(drawing)
        drawing.text(_GAP / size[0], 1 - 0.6 * _GAP / size[1], f"raw | {steps}", fontsize=9, va="center")
        for number, (title, image) in enumerate(images):
            column, row = number % _PAIRS, number // _PAIRS
            left, top = _GAP + column * wide, 1.5 * _GAP + row * high
            _draw(drawing, image, title if len(strips) > 1 else "", left, top)
        with whole_file(path) as beside:
            drawing.savefig(beside, format="png", dpi=_DPI, metadata={"Software": None})


def _draw(drawing: Figure, image: SheetRow, title: str, left: float, top: float) -> None:
    name = shortened(" · ".join(part for part in (title, image.image_id, image.about) if part), 70)
    _write(drawing, name, left, top, INK)
    if image.raw is None or image.made is None:
        _write(drawing, image.reason, left, top + 0.2, FAINT)
        return
    for panel, place in ((image.raw, left), (image.made, left + _SIDE)):
        _show(_axes(drawing, place, top + 0.12, _SIDE - 0.06, _SIDE), panel)
        below = top + 0.12 + _SIDE
        bars = _axes(drawing, place, below + 0.03, _SIDE - 0.06, _HISTOGRAM - 0.06)
        bars.fill_between(np.arange(len(panel.histogram)), np.sqrt(panel.histogram), step="mid", color=FAINT)
        _write(drawing, values(panel), place, below + _HISTOGRAM + 0.1, FAINT)


def _show(axes: Axes, panel: Panel) -> None:
    height, width = panel.shown.shape
    axes.imshow(panel.shown, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    for box in panel.boxes:
        corner = (box.left * width - 0.5, box.top * height - 0.5)
        across, down = box.width * width, box.height * height
        axes.add_patch(Rectangle(corner, across, down, fill=False, edgecolor=ARM_COLOURS[4], linewidth=1.5))


def _axes(drawing: Figure, left: float, top: float, width: float, height: float) -> Axes:
    across, down = drawing.get_size_inches()
    axes = drawing.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))
    axes.set_axis_off()
    return axes


def _write(drawing: Figure, text: str, left: float, top: float, colour: str) -> None:
    across, down = drawing.get_size_inches()
    drawing.text(left / across, 1 - top / down, text, fontsize=7, color=colour, va="center")


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
