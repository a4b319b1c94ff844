"""Summary of a run that has ended: which epoch was kept, and what gives reason to doubt it."""

import numpy as np
import polars as pl

from hilum.pretext.monitoring.probe import ERROR, QUALITY, OnlineProbe
from hilum.pretext.monitoring.probe_data import LEAST_POSITIVE, ProbedImages
from hilum.training.fit import Fit
from hilum.training.settings import KeepProbed

CHANCE_SHARE = 0.95
"""Of the loss that projections cost which say nothing. MoCo with a momentum of 0.9 on 128 made-up images ends at 0.97
of it, its queries as near to all keys (0.95) as to their own (0.98), while no sign of collapse shows; with 0.99 it ends
at 0.85. A run of two or three epochs may end above, too, and nothing is broken: so it stops no run."""
LAST_EPOCHS = 3
ERRORS_OF_ALARM = 2.0
"""Standard errors of the highest probe that the last one may lie below it."""
PLANS: dict[KeepProbed, str] = {
    "last": "the last epoch",
    "best_probe": "the epoch with the best probe",
    "within_one_error": "the latest epoch within one standard error of the best probe",
    "smoothed_probe": "the epoch with the best mean of three probes",
}
"""What is kept, in words."""


def describe_probing(images: ProbedImages | None, every: int, keep: KeepProbed = "last") -> str:
    """How a run will be probed, in a sentence, before it starts.

    Args:
        images: of its probe; None without one.
        every: epochs from one probe to the next; 0 for none.
        keep: the rule by which an epoch is kept.
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
        return f"{text}; positive patients there: {positives}. {_capital(PLANS[keep])} is kept"
    return (
        f"{text}: {len(images.findings)} findings, none with {LEAST_POSITIVE} positive patients "
        f"(at most {max(images.positives)}). The last epoch is kept"
    )


def run_notes(
    fitted: Fit, probe: OnlineProbe | None, *, chance_loss: float | None, advice: str, held_out: int = 0
) -> list[str]:
    """How the epoch was chosen, and doubts; a sentence each.

    Args:
        fitted: the run.
        probe: that it was probed by; None without one.
        chance_loss: what the loss is where the encoder says nothing; None where no such number is known.
        advice: what to change in the settings.
        held_out: images whose loss chose the epoch.
    """
    doubts = _loss_at_chance(fitted, chance_loss)
    if probe and probe.images.decides:
        doubts += _probe_as_before(fitted)
    given = [_choice(fitted, probe, held_out), *(f"little was learnt: {doubt}. {advice}" for doubt in doubts)]
    return [*given, *(_probe_fell(fitted) if probe and probe.images.decides and not probe.chooses else [])]


def _choice(fitted: Fit, probe: OnlineProbe | None, held_out: int) -> str:
    epoch, epochs = fitted.best_epoch, len(fitted.curves)
    text_of_epoch = f"epoch {epoch} of {epochs} was kept"
    lowest = fitted.best_validation_loss
    if held_out and lowest is not None:
        return f"{text_of_epoch}: lowest loss, {lowest:.4f}, of {held_out:,} images that were held out"
    if probe is None:
        return f"{text_of_epoch}, the last one: no labels were read"
    last, of_selected = (_quality(fitted.curves, number) for number in (epochs, epoch))
    start = fitted.start[QUALITY]
    if not probe.chooses:
        few = f", of findings with fewer than {LEAST_POSITIVE} positive patients"
        return (
            f"{text_of_epoch}, the last one: its probe read {last:.3f} (before training {start:.3f}"
            f"{'' if probe.images.decides else few})"
        )
    others = (
        f"before training {start:.3f}" if epoch == epochs else f"last epoch {last:.3f}, before training {start:.3f}"
    )
    return (
        f"{text_of_epoch}, {PLANS[probe.keep]}: its probe read {of_selected:.3f} ({others}); mean of linear and "
        f"nearest-neighbour "
        f"macro AUROC on {len(probe.images.val.image_ids):,} validation images"
    )


def _loss_at_chance(fitted: Fit, chance_loss: float | None) -> list[str]:
    loss = float(fitted.curves["train_loss"].tail(LAST_EPOCHS).to_numpy().mean())
    if chance_loss is None or loss < CHANCE_SHARE * chance_loss:
        return []
    return [f"the loss ended at {loss:.3f}, and an encoder that says nothing costs {chance_loss:.3f}"]


def _probe_as_before(fitted: Fit) -> list[str]:
    before = fitted.start[QUALITY]
    if float(fitted.curves[QUALITY].drop_nulls().to_numpy().max()) > before:
        return []
    return [f"no probe read more than the one before training ({before:.3f})"]


def _probe_fell(fitted: Fit) -> list[str]:
    """The alarm: the last probe is clearly below an earlier one, which happens by chance in a few runs of a hundred."""
    probed = fitted.curves.filter(pl.col(QUALITY).is_not_null())
    quality, error = probed[QUALITY].to_numpy(), probed[ERROR].fill_null(0.0).to_numpy()
    top = int(np.nanargmax(quality)) if np.isfinite(quality).any() else -1
    if top < 0 or not quality[-1] < quality[top] - ERRORS_OF_ALARM * error[top]:
        return []
    return [
        f"the probe fell: {quality[top]:.3f} after epoch {probed['epoch'][top]}, {quality[-1]:.3f} at the end, more "
        f"than {ERRORS_OF_ALARM:g} standard errors ({error[top]:.3f}). `keep: best_probe` keeps that epoch."
    ]


def _quality(curves: pl.DataFrame, epoch: int) -> float:
    return float(curves.row(epoch - 1, named=True)[QUALITY])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
