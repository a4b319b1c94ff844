"""Summary of a finished run: selected epoch and warnings."""

import numpy as np
import polars as pl

from hilum.pretext.monitoring.probe import ERROR, QUALITY, OnlineProbe
from hilum.pretext.monitoring.probe_data import LEAST_POSITIVE, ProbedImages
from hilum.training.fit import Fit
from hilum.training.settings import KeepProbed

CHANCE_SHARE = 0.95
"""Fraction of the chance-level loss above which a warning is given. MoCo with EMA momentum 0.9 on 128 synthetic images
ends at 0.97 (similarity of queries with positive keys 0.98, with all keys 0.95) without any sign of collapse; with 0.99
it ends at 0.85. A correct run of two or three epochs may also end above, so the run is not stopped."""
LAST_EPOCHS = 3
ERRORS_OF_ALARM = 2.0
"""Standard errors by which the last probe may be below the highest without a warning."""
PLANS: dict[KeepProbed, str] = {
    "last": "the last epoch",
    "best_probe": "the epoch with the best probe",
    "within_one_error": "the latest epoch within one standard error of the best probe",
    "smoothed_probe": "the epoch with the best mean of three probes",
}
"""Rules for the exported epoch as text."""


def describe_probing(images: ProbedImages | None, every: int, keep: KeepProbed = "last") -> str:
    """Describe the online probe of a run before it starts, as one sentence.

    Args:
        images: Images of the probe; None: no labels.
        every: Epochs between probes; 0: no probe.
        keep: Rule for the exported epoch.
    """
    if not every:
        return "not probed: the last epoch is kept"
    if images is None:
        return "no labels to probe with: the last epoch is kept"
    text = f"probed before training and every {f'{every} epochs' if every > 1 else 'epoch'}, {images.description}"
    if images.decides:
        positives = ", ".join(
            f"{name} ({count})" for name, count in zip(images.findings, images.positives, strict=True)
        )
        return f"{text}; positive patients scored: {positives}. {_capital(PLANS[keep])} is kept"
    return (
        f"{text}: {len(images.findings)} findings, none with {LEAST_POSITIVE} positive patients "
        f"(at most {max(images.positives)}). The last epoch is kept"
    )


def run_notes(
    fitted: Fit, probe: OnlineProbe | None, *, chance_loss: float | None, advice: str, held_out: int = 0
) -> list[str]:
    """Describe the selection of the epoch and give warnings, one sentence each.

    Args:
        fitted: Finished run.
        probe: Online probe; None: no probe.
        chance_loss: Loss at chance level; None: not known.
        advice: What to change in the settings.
        held_out: Number of images whose loss selected the epoch.
    """
    warnings = _loss_at_chance(fitted, chance_loss)
    if probe and probe.images.decides:
        warnings += _probe_as_before(fitted)
    notes = [_selection(fitted, probe, held_out), *(f"little was learned: {each}. {advice}" for each in warnings)]
    return [*notes, *(_probe_fell(fitted) if probe and probe.images.decides and not probe.chooses else [])]


def _selection(fitted: Fit, probe: OnlineProbe | None, held_out: int) -> str:
    epoch, epochs = fitted.best_epoch, len(fitted.curves)
    text_of_epoch = f"epoch {epoch} of {epochs} was kept"
    lowest = fitted.best_validation_loss
    if held_out and lowest is not None:
        return f"{text_of_epoch}: lowest loss, {lowest:.4f}, of {held_out:,} held-out images"
    if probe is None:
        return f"{text_of_epoch}, the last one: not probed"
    last, of_selected = (_quality(fitted.curves, number) for number in (epochs, epoch))
    start = fitted.start[QUALITY]
    if not probe.chooses:
        few = f", of findings with fewer than {LEAST_POSITIVE} positive patients"
        return (
            f"{text_of_epoch}, the last one: probe AUROC {last:.3f} (before training {start:.3f}"
            f"{'' if probe.images.decides else few})"
        )
    others = (
        f"before training {start:.3f}" if epoch == epochs else f"last epoch {last:.3f}, before training {start:.3f}"
    )
    return (
        f"{text_of_epoch}, {PLANS[probe.keep]}: probe AUROC {of_selected:.3f} ({others}); mean of linear and "
        f"nearest-neighbour macro AUROC on {len(probe.images.val.image_ids):,} validation images"
    )


def _loss_at_chance(fitted: Fit, chance_loss: float | None) -> list[str]:
    loss = float(fitted.curves["train_loss"].tail(LAST_EPOCHS).to_numpy().mean())
    if chance_loss is None or loss < CHANCE_SHARE * chance_loss:
        return []
    return [f"the loss ended at {loss:.3f}, near its chance level {chance_loss:.3f}"]


def _probe_as_before(fitted: Fit) -> list[str]:
    before = fitted.start[QUALITY]
    if float(fitted.curves[QUALITY].drop_nulls().to_numpy().max()) > before:
        return []
    return [f"no probe is above the one before training ({before:.3f})"]


def _probe_fell(fitted: Fit) -> list[str]:
    """Warn if the last probe is clearly below an earlier one; by chance, this happens in a few percent of runs."""
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
