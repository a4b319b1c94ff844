"""Training curves: one line a seed, the epoch that was kept marked."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import MaxNLocator

from hilum.report.content import ReportContent
from hilum.report.figures import canvas
from hilum.report.render import Figure, file_stem

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM, LINE = 300, 230, 52, 30, 10, 42, 16


WATCHED = {
    "train_loss": "Pretext loss",
    "feature_spread": "Spread of features",
    "effective_rank": "Effective rank of features",
}
"""What is drawn of a pretraining, where the curves hold it."""


def training_figures(content: ReportContent, stage: str) -> list[Figure]:
    """All panels of one stage, "pretrain" or "finetune"; none where the curves hold nothing of it."""
    if content.curves.is_empty():
        return []
    curves = content.curves.filter(pl.col("stage") == stage).fill_nan(None).sort("epoch", maintain_order=True)
    titles = {arm.name: arm.title for arm in content.arms}
    present = [name for name in titles if name in set(curves["arm"])]
    colours = canvas.arm_colours(content.arms, content.against)
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
    """Validation loss of all arms in one panel."""
    named = curves.with_columns(pl.col("arm").replace(dict(titles)))
    return course_panel("finetune_all_arms", "Validation loss", named, "val_loss", colours)


def course_panel(name: str, title: str, curves: pl.DataFrame, column: str, colours: Mapping[str, str]) -> Figure:
    """One watched number over the epochs, all arms, one thin line a seed.

    Args:
        name: as in `Figure`.
        title: above the panel.
        curves: rows of one stage; arms by their titles.
        column: which of its columns.
        colours: of the arms.
    """
    arms = [arm for arm in colours if arm in set(curves["arm"])]
    drawing = canvas.sheet(WIDTH, HEIGHT + LINE * len(arms))
    axes = _axes(drawing, title)
    for arm in arms:
        for _, run in curves.filter(pl.col("arm") == arm).drop_nulls(column).group_by("seed", maintain_order=True):
            axes.plot(run["epoch"], run[column], color=colours[arm], linewidth=1.3, marker=_dot(run))
    _key(axes, [(arm, colours[arm], "-") for arm in arms])
    return canvas.as_figure(drawing, name, f"{title}: {', '.join(arms)}.")


def finetune_panel(name: str, arm: str, curves: pl.DataFrame, colour: str, limits: tuple[float, float]) -> Figure:
    """Training and validation loss of one arm; the dot is the epoch that is kept: of the lowest validation loss, where
    the column `kept` does not say which.

    Args:
        name: as in `Figure`.
        arm: whose rows of the stage "finetune" `curves` holds.
        curves: one line a seed.
        colour: of the arm.
        limits: lowest and highest loss of all arms, so that panels share their axis.
    """
    drawing = canvas.sheet(WIDTH, HEIGHT + LINE)
    axes = _axes(drawing, arm)
    hover = {}
    for (seed,), run in curves.group_by("seed", maintain_order=True):
        axes.plot(run["epoch"], run["train_loss"], color=colour, linewidth=1, linestyle=(0, (2, 2)), marker=_dot(run))
        seen = run.drop_nulls("val_loss")
        if seen.is_empty():
            continue
        axes.plot(seen["epoch"], seen["val_loss"], color=colour, linewidth=1.5, marker=_dot(run))
        kept = seen.filter("kept") if "kept" in seen.columns else seen.clear()
        best = (seen if kept.is_empty() else kept).sort("val_loss", maintain_order=True).row(0, named=True)
        axes.plot([best["epoch"]], [best["val_loss"]], "o", color=colour, markersize=6, gid=f"kept{seed}")
        hover[f"kept{seed}"] = f"Seed {seed}: epoch {best['epoch']} kept, validation loss {best['val_loss']:.3f}"
    margin = 0.05 * (limits[1] - limits[0]) or 0.05
    axes.set_ylim(limits[0] - margin, limits[1] + margin)
    _key(axes, [("validation; dashed: training; dot: epoch kept", colour, "-")])
    return canvas.as_figure(drawing, name, f"Training and validation loss of {arm} over epochs.", hover)


def _axes(drawing: Drawing, title: str) -> Axes:
    axes = canvas.panel(drawing, LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM)
    axes.grid(visible=True, axis="y")
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=8)
    axes.set_xlabel("Epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=canvas.STEPS))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=canvas.STEPS))
    return axes


def _dot(run: pl.DataFrame) -> str | None:
    """A run of one epoch has no line: show its point."""
    return "." if len(run) == 1 else None


def _key(axes: Axes, entries: list[tuple[str, str, str]]) -> None:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    for i, (label, colour, dashes) in enumerate(entries):
        y = -(BOTTOM + 4 + LINE * i) / height
        axes.plot([0, 16 / width], [y, y], dashes, color=colour, linewidth=2, transform=axes.transAxes, clip_on=False)
        axes.text(22 / width, y, label, transform=axes.transAxes, va="center", fontsize=10)
