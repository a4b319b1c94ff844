"""Summary of a run that has ended: which epoch was kept, and what gives reason to doubt it."""

import polars as pl

from hilum.pretext.monitoring.probe import QUALITY
from hilum.pretext.monitoring.probe_data import LEAST_POSITIVE, ProbedImages
from hilum.training.fit import Fit

CHANCE_SHARE = 0.95
"""Of the loss that projections cost which say nothing. MoCo with a momentum of 0.9 on 128 made-up images ends at 0.97
of it, its queries as near to all keys (0.95) as to their own (0.98), while no sign of collapse shows; with 0.99 it ends
at 0.85. A run of two or three epochs may end above, too, and nothing is broken: so it stops no run."""
LAST_EPOCHS = 3


def plan_of_probe(images: ProbedImages | None, every: int) -> str:
    """How a run will be probed, in a sentence, before it starts.

    Args:
        images: of its probe; None without one.
        every: epochs from one probe to the next; 0 for none.
    """
    if not every:
        return "not probed: the last epoch is kept"
    if images is None:
        return "no labels to probe with: the last epoch is kept"
    text = f"probed before training and every {f'{every} epochs' if every > 1 else 'epoch'}, {images.in_words}"
    if images.decides:
        positives = ", ".join(
            f"{name} ({count})" for name, count in zip(images.findings, images.positives, strict=True)
        )
        return f"{text}; positive patients there: {positives}. The epoch with the best probe is kept"
    return (
        f"{text}: {len(images.findings)} findings, none with {LEAST_POSITIVE} positive patients to choose an epoch by "
        f"(at most {max(images.positives)}). The last one is kept"
    )


def notes_of(fitted: Fit, images: ProbedImages | None, *, loss_of_chance: float | None, advice: str) -> list[str]:
    """How the epoch was chosen, and doubts; a sentence each.

    Args:
        fitted: the run.
        images: of its probe; None without one.
        loss_of_chance: what the loss is where the encoder says nothing; None where no such number is known.
        advice: what to change in the settings.
    """
    doubts = [
        *_loss_at_chance(fitted, loss_of_chance),
        *(_probe_as_before(fitted) if images and images.decides else []),
    ]
    return [_choice(fitted, images), *(f"little was learnt: {doubt}. {advice}" for doubt in doubts)]


def _choice(fitted: Fit, images: ProbedImages | None) -> str:
    epoch, epochs = fitted.best_epoch, len(fitted.curves)
    text_of_epoch = f"epoch {epoch} of {epochs} was kept"
    if images is None:
        return f"{text_of_epoch}, the last one: no labels were read"
    last, of_selected = (_quality(fitted.curves, number) for number in (epochs, epoch))
    start = fitted.start[QUALITY]
    if not images.decides:
        return (
            f"{text_of_epoch}, the last one: its probe read {last:.3f} (before training {start:.3f}), but no "
            f"finding has "
            f"{LEAST_POSITIVE} positive patients to choose an epoch by"
        )
    others = (
        f"before training {start:.3f}" if epoch == epochs else f"last epoch {last:.3f}, before training {start:.3f}"
    )
    return (
        f"{text_of_epoch}: its probe read best, {of_selected:.3f} ({others}); mean of linear and nearest-neighbour "
        f"macro AUROC on "
        f"{len(images.val.image_ids):,} validation images"
    )


def _loss_at_chance(fitted: Fit, loss_of_chance: float | None) -> list[str]:
    loss = float(fitted.curves["train_loss"].tail(LAST_EPOCHS).to_numpy().mean())
    if loss_of_chance is None or loss < CHANCE_SHARE * loss_of_chance:
        return []
    return [f"the loss ended at {loss:.3f}, and an encoder that says nothing costs {loss_of_chance:.3f}"]


def _probe_as_before(fitted: Fit) -> list[str]:
    before = fitted.start[QUALITY]
    if float(fitted.curves[QUALITY].drop_nulls().to_numpy().max()) > before:
        return []
    return [f"no probe read more than the one before training ({before:.3f})"]


def _quality(curves: pl.DataFrame, epoch: int) -> float:
    return float(curves.row(epoch - 1, named=True)[QUALITY])
