"""Training curves: one line per seed, with the selected epoch marked."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.render import Figure, file_stem

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, LINE = 300, 230, 52, 30, 10, 42, 16
_FEW_ARMS = 4
"""Most arms with dotted lines at the selected epoch; more would hide the curves."""


WATCHED = {
    "train_loss": "Pretext loss",
    "feature_spread": "Spread of features",
    "effective_rank": "Effective rank of features",
}
"""Columns drawn for pretraining, where the curves have them, and their titles."""


def training_figures(content: ReportContent, stage: str) -> list[Figure]:
    """Draw all panels of one stage, "pretrain" or "finetune"; none if the curves have no row of it."""
    if content.curves.is_empty():
        return []
    curves = content.curves.filter(pl.col("stage") == stage).fill_nan(None).sort("epoch", maintain_order=True)
    titles = {arm.name: arm.title for arm in content.arms}
    present = [name for name in titles if name in set(curves["arm"])]
    colours = canvas.arm_colours(content.arms, content.reference)
    if stage == "pretrain":
        curves = curves.with_columns(pl.col("arm").replace(titles))
        shown = [name for name in WATCHED if name in curves.columns and curves[name].count()]
        return [course_panel(f"pretrain_{name}", WATCHED[name], curves, name, colours) for name in shown]
    several = [_all_arms(curves, titles, colours)] if len(present) > 1 and curves["val_loss"].count() else []
    losses = curves.select(pl.concat_list(pl.col("train_loss", "val_loss").cast(pl.Float64)).explode().drop_nulls())
    values = losses.to_series().to_numpy()
    limits = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    panels = [
        finetune_panel(
            file_stem("finetune", name),
            titles[name],
            curves.filter(pl.col("arm") == name),
            colours[titles[name]],
            limits,
        )
        for name in present
    ]
    return several + panels


def _all_arms(curves: pl.DataFrame, titles: Mapping[str, str], colours: Mapping[str, str]) -> Figure:
    """Draw the validation loss of all arms in one panel, the selected epochs marked."""
    named = curves.with_columns(pl.col("arm").replace(dict(titles)))
    return course_panel("finetune_all_arms", "Validation loss", named, "val_loss", colours, mark_exported=True)


def losses_figure(
    content: ReportContent, name: str, loss: str, *, x: str = "epoch", log: bool = False
) -> Figure | None:
    """Draw a loss of all arms in one plot, one line per seed, the selected epoch marked; None without curves.

    Args:
        content: Report content: arms and curves.
        name: Name of the `Figure`.
        loss: "train_loss" or "val_loss".
        x: "epoch" or "step".
        log: Whether the loss axis is logarithmic.
    """
    if content.curves.is_empty() or loss not in content.curves.columns:
        return None
    titles = {arm.name: arm.title for arm in content.arms}
    curves = content.curves.filter(pl.col("stage") == "finetune").fill_nan(None).sort("epoch", maintain_order=True)
    if curves[loss].null_count() == len(curves):
        return None
    named = curves.with_columns(pl.col("arm").replace(titles))
    title = {"train_loss": "Training loss", "val_loss": "Validation loss"}[loss]
    colours = canvas.arm_colours(content.arms, content.reference)
    return course_panel(name, title, named, loss, colours, mark_exported=True, x=x, log=log, size=(560, 320))


def course_panel(
    name: str,
    title: str,
    curves: pl.DataFrame,
    column: str,
    colours: Mapping[str, str],
    *,
    mark_exported: bool = False,
    x: str = "epoch",
    log: bool = False,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> Figure:
    """Draw one monitored value over the epochs for all arms, one thin line per seed.

    Args:
        name: Name of the `Figure`.
        title: Title of the panel.
        curves: Rows of one stage; arms by their titles.
        column: Column to draw.
        colours: Colours of the arms.
        mark_exported: Whether to mark the selected epoch (lowest validation loss) with a dot, and with dotted lines
            to the axes where there are few arms.
        x: Column of the horizontal axis, "epoch" or "step".
        log: Whether the vertical axis is logarithmic.
        size: Size of the panel, CSS px.
    """
    arms = [arm for arm in colours if arm in set(curves["arm"])]
    dashes = canvas.arm_dashes(colours)
    drawing = canvas.sheet(size[0], size[1] + LINE * len(arms))
    axes = _axes(drawing, title, size)
    if log:
        axes.set_yscale("log")
    if x == "step":
        axes.set_xlabel("Optimiser step")
    hover: dict[str, str] = {}
    for arm in arms:
        own = curves.filter(pl.col("arm") == arm)
        for (seed,), run in own.group_by("seed", maintain_order=True):
            known = run.drop_nulls(column)
            if known.is_empty():
                continue
            axes.plot(
                known[x], known[column], color=colours[arm], linestyle=dashes[arm], linewidth=1.3, marker=_dot(known)
            )
            best = _exported(run, column) if mark_exported else None
            if best is None:
                continue
            gid = f"exported{len(hover)}"
            axes.plot([best[x]], [best[column]], "o", color=colours[arm], markersize=5.5, gid=gid)
            hover[gid] = f"{arm}, seed {seed}: epoch {best['epoch']} selected, {title.lower()} {best[column]:.4f}"
            if len(arms) <= _FEW_ARMS:
                dotted: dict[str, Any] = {"color": colours[arm], "linewidth": 0.9, "linestyle": (0, (1, 2))}
                axes.axvline(best[x], **dotted)
                axes.axhline(best[column], **dotted)
    _key(axes, [(arm, colours[arm], dashes[arm]) for arm in arms], size)
    return canvas.as_figure(drawing, name, f"{title}: {', '.join(arms)}.", hover)


def _exported(run: pl.DataFrame, column: str) -> dict[str, Any] | None:
    """Return the epoch whose weights are exported, if it has a value of this column."""
    validated = run.drop_nulls(["val_loss", column]) if "val_loss" in run.columns else run.head(0)
    if "selected" in validated.columns and validated["selected"].fill_null(False).any():
        validated = validated.filter(pl.col("selected"))
    return validated.sort("val_loss", maintain_order=True).row(0, named=True) if len(validated) else None


def finetune_panel(name: str, arm: str, curves: pl.DataFrame, colour: str, limits: tuple[float, float]) -> Figure:
    """Draw training and validation loss of one arm; the dot marks the selected epoch.

    Args:
        name: Name of the `Figure`.
        arm: Title of the arm.
        curves: Rows of the arm of the stage "finetune", one line per seed. The selected epoch is the one with the
            lowest validation loss unless the column `selected` marks it.
        colour: Colour of the arm.
        limits: Lowest and highest loss of all arms, so that panels share their axis.
    """
    drawing = canvas.sheet(WIDTH, HEIGHT + LINE)
    axes = _axes(drawing, arm)
    hover = {}
    for (seed,), run in curves.group_by("seed", maintain_order=True):
        axes.plot(run["epoch"], run["train_loss"], color=colour, linewidth=1, linestyle=(0, (2, 2)), marker=_dot(run))
        known = run.drop_nulls("val_loss")
        if known.is_empty():
            continue
        axes.plot(known["epoch"], known["val_loss"], color=colour, linewidth=1.5, marker=_dot(run))
        best_rows = known.filter("selected") if "selected" in known.columns else known.clear()
        best = (known if best_rows.is_empty() else best_rows).sort("val_loss", maintain_order=True).row(0, named=True)
        axes.plot([best["epoch"]], [best["val_loss"]], "o", color=colour, markersize=6, gid=f"selected{seed}")
        loss = f"validation loss {best['val_loss']:.3f}"
        hover[f"selected{seed}"] = f"Seed {seed}: epoch {best['epoch']} selected, {loss}"
    margin = 0.05 * (limits[1] - limits[0]) or 0.05
    axes.set_ylim(limits[0] - margin, limits[1] + margin)
    _key(axes, [("validation; dashed: training; dot: selected", colour, "-")])
    return canvas.as_figure(drawing, name, f"Training and validation loss of {arm} over epochs.", hover)


def _axes(drawing: Drawing, title: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Axes:
    axes = canvas.panel(drawing, LEFT, TOP, size[0] - LEFT - RIGHT, size[1] - TOP - BOTTOM)
    axes.grid(visible=True, axis="y")
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=8)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=canvas.STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=canvas.STEPS))
    return axes


def _dot(run: pl.DataFrame) -> str | None:
    """Return a marker for a run of one epoch, which has no line."""
    return "." if len(run) == 1 else None


def _key(axes: Axes, entries: list[tuple[str, str, Any]], size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    width, height = size[0] - LEFT - RIGHT, size[1] - TOP - BOTTOM
    for i, (label, colour, dashes) in enumerate(entries):
        y = -(BOTTOM + 4 + LINE * i) / height
        axes.plot(
            [0, 22 / width], [y, y], linestyle=dashes, color=colour, linewidth=2, transform=axes.transAxes,
            clip_on=False,
        )  # fmt: skip
        axes.text(28 / width, y, label, transform=axes.transAxes, va="center", fontsize=10)
