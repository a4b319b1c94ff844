"""Style of all figures and conversion from Matplotlib to reproducible SVG.

One unit is one CSS pixel. Colours are named, so that the page can replace them in dark mode.
"""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from hilum.report.content import ArmSummary
from hilum.report.render import Figure

INK, FAINT, RULE, PAPER = "#20242a", "#6b7280", "#d4d8de", "#ffffff"
REFERENCE = "#7a7f87"
ARM_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette (jfly.uni-koeln.de/color, 2008) without black and yellow; the reference arm is gray."""
ARM_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
ARM_DASHES: tuple[Any, ...] = (
    "solid", (0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)), (0, (9, 3)),
)  # fmt: skip
"""Line styles; with `ARM_COLOURS` they give 36 distinct lines, with `ARM_MARKERS` 42 distinct markers."""
_TOKENS = {
    INK: "currentColor",
    FAINT: "var(--faint)",
    RULE: "var(--rule)",
    PAPER: "var(--page)",
    REFERENCE: "var(--arm-0)",
    **{colour: f"var(--arm-{i})" for i, colour in enumerate(ARM_COLOURS, start=1)},
}
STEPS = (1, 2, 5, 10)
"""Tick spacings of axes, times a power of ten."""
FILE_FONTS = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hilum",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "text.parse_math": False,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.facecolor": "none",
    "axes.labelsize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "lines.solid_capstyle": "round",
}


def arm_colours(arms: Sequence[ArmSummary], reference: str | None) -> dict[str, str]:
    """Return the colour of each arm by its title; the reference arm is gray.

    Six colours are used; arms of one colour differ in marker (`ARM_MARKERS`) and dashes (`arm_dashes`).
    """
    others = [arm.title for arm in arms if arm.name != reference]
    colours = {title: ARM_COLOURS[i % len(ARM_COLOURS)] for i, title in enumerate(others)}
    return {arm.title: colours.get(arm.title, REFERENCE) for arm in arms}


def arm_dashes(colours: Mapping[str, str]) -> dict[str, Any]:
    """Return the Matplotlib line style of each arm: solid for the first arm of a colour, dashed for the next.

    Args:
        colours: Colours of the arms in their order (`arm_colours`).
    """
    met: dict[str, int] = {}
    dashes = {}
    for title, colour in colours.items():
        dashes[title] = ARM_DASHES[met.get(colour, 0) % len(ARM_DASHES)]
        met[colour] = met.get(colour, 0) + 1
    return dashes


def page_colour(colour: str) -> str:
    """Return the CSS variable of a figure colour, which changes in dark mode."""
    return _TOKENS[colour]


def shortened(text: str, letters: int) -> str:
    """Shorten a text to a number of characters, with an ellipsis."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


@contextmanager
def style() -> Iterator[None]:
    """Set this style inside a `with` block; Matplotlib's settings are restored afterwards."""
    with mpl.rc_context(_STYLE):
        yield


def sheet(width: float, height: float) -> Drawing:
    """Return an empty figure of this size, CSS px."""
    return Drawing(figsize=(width / 72, height / 72), facecolor="none")


def panel(drawing: Drawing, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes at a position in CSS px from the upper left corner of the figure."""
    full_width, full_height = drawing.get_size_inches() * 72
    return drawing.add_axes(
        (left / full_width, 1 - (top + height) / full_height, width / full_width, height / full_height)
    )


_PLACES = re.compile(r'\b(?:d|x|y|transform)="[^"]*"')
"""SVG attributes whose numbers are rounded to a hundredth of a pixel."""


def as_figure(drawing: Drawing, name: str, description: str, hover: Mapping[str, str] | None = None) -> Figure:
    """Convert a drawing to SVG.

    Args:
        drawing: Figure made inside `style()`; call this function there too.
        name: Stem of the file name.
        description: Text alternative for screen readers.
        hover: Tooltips by the gid of the artist.
    """
    stream = io.StringIO()
    drawing.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = _PLACES.sub(lambda place: re.sub(r"(\.\d\d)\d+", r"\1", place[0]), stream.getvalue())
    svg = re.sub(r'<g id="(?:line2d|text)_\d+"/>', "", svg)  # empty elements of hidden ticks
    svg = re.sub(r">\s+<", "><", svg)
    svg = svg.replace("'DejaVu Sans'", FILE_FONTS)
    for gid, text in (hover or {}).items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{escape(text)}</title>')
    return Figure(name, description, svg, round(drawing.get_size_inches()[0] * 72))


def inline(figure: Figure) -> str:
    """Return the figure as inline SVG: unique ids, with the colours and fonts of the page."""
    svg = figure.svg[figure.svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{figure.name}-', svg)
    svg = re.sub(r'url\(#|href="#', lambda found: f"{found[0]}{figure.name}-", svg)
    svg = svg.replace(FILE_FONTS, "var(--sans)")
    for colour, token in _TOKENS.items():
        svg = svg.replace(colour, token)
    view = re.search('viewBox="([^"]*)"', svg)
    head = (
        f'<svg role="img" aria-label="{escape(figure.description)}" style="max-width: {figure.width}px"'
        f' viewBox="{view[1] if view else ""}">'
    )
    svg = re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)
    return _with_classes(svg, figure.name)


_OFTEN = 20


def _with_classes(svg: str, name: str) -> str:
    """Replace frequent inline styles by CSS classes, which halves the size of a page of many figures."""
    repeated = [style for style, count in Counter(re.findall(r' style="([^"]*)"', svg)).items() if count > _OFTEN]
    rules = []
    for number, style in enumerate(repeated):
        svg = svg.replace(f' style="{style}"', f' class="{name}-{number}"')
        rules.append(f".{name}-{number}{{{style}}}")
    return svg.replace(">", f"><style>{''.join(rules)}</style>", 1) if rules else svg
