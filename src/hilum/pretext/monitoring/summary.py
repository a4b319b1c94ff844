"""Summary of a finished run: selected epoch and warnings."""

import numpy as np
import polars as pl

from hilum.notes import Code, Note, note
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
) -> list[Note]:
    """Describe the selection of the epoch and give warnings.

    Args:
        fitted: Finished run.
        probe: Online probe; None: no probe.
        chance_loss: Loss at chance level; None: not known.
        advice: What to change in the settings.
        held_out: Number of images whose loss selected the epoch.
    """
    notes = [_selection(fitted, probe, held_out), *_loss_at_chance(fitted, chance_loss, advice)]
    if probe and probe.images.decides:
        notes += _probe_as_before(fitted, advice)
    return [*notes, *(_probe_fell(fitted) if probe and probe.images.decides and not probe.chooses else [])]


def _selection(fitted: Fit, probe: OnlineProbe | None, held_out: int) -> Note:
    numbers: dict[str, object] = {"epoch": fitted.best_epoch, "epochs": len(fitted.curves)}
    lowest = fitted.best_validation_loss
    if held_out and lowest is not None:
        return note(Code.EPOCH_OF_LOWEST_LOSS, loss=lowest, images=held_out, **numbers)
    if probe is None:
        return note(Code.EPOCH_NOT_PROBED, **numbers)
    last, of_selected = (_quality(fitted.curves, number) for number in (len(fitted.curves), fitted.best_epoch))
    numbers["before"] = fitted.start[QUALITY]
    if not probe.chooses and probe.images.decides:
        return note(Code.EPOCH_LAST, probe=last, **numbers)
    if not probe.chooses:
        return note(Code.EPOCH_LAST_FEW_PATIENTS, probe=last, min_patients=LEAST_POSITIVE, **numbers)
    images = len(probe.images.val.image_ids)
    return note(Code.EPOCH_OF_PROBE, rule=PLANS[probe.keep], probe=of_selected, last=last, images=images, **numbers)


def _loss_at_chance(fitted: Fit, chance_loss: float | None, advice: str) -> list[Note]:
    loss = float(fitted.curves["train_loss"].tail(LAST_EPOCHS).to_numpy().mean())
    if chance_loss is None or loss < CHANCE_SHARE * chance_loss:
        return []
    return [note(Code.LOSS_AT_CHANCE, loss=loss, chance=chance_loss, advice=advice)]


def _probe_as_before(fitted: Fit, advice: str) -> list[Note]:
    before = fitted.start[QUALITY]
    if float(fitted.curves[QUALITY].drop_nulls().to_numpy().max()) > before:
        return []
    return [note(Code.PROBE_AS_BEFORE, before=before, advice=advice)]


def _probe_fell(fitted: Fit) -> list[Note]:
    """Warn if the last probe is clearly below an earlier one; by chance, this happens in a few percent of runs."""
    probed = fitted.curves.filter(pl.col(QUALITY).is_not_null())
    quality, error = probed[QUALITY].to_numpy(), probed[ERROR].fill_null(0.0).to_numpy()
    top = int(np.nanargmax(quality)) if np.isfinite(quality).any() else -1
    if top < 0 or not quality[-1] < quality[top] - ERRORS_OF_ALARM * error[top]:
        return []
    numbers = {"highest": float(quality[top]), "last": float(quality[-1]), "error": float(error[top])}
    return [note(Code.PROBE_FELL, epoch=int(probed["epoch"][top]), errors=ERRORS_OF_ALARM, **numbers)]


def _quality(curves: pl.DataFrame, epoch: int) -> float:
    return float(curves.row(epoch - 1, named=True)[QUALITY])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
