"""Probes between epochs, and the epoch that is kept by them."""

import math
from dataclasses import replace

import polars as pl
import pytest
import torch

from hilum.errors import HilumError
from hilum.training.callbacks import SECONDS, Probing
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=5, lr=0.05, precision="fp32", checkpoint_every_seconds=0)


def reported_in_turn(*qualities, every=1, keep="best_probe", errors=()):
    """A probe that says this of the start, and then of each epoch that it is asked about."""
    left = list(qualities)
    more = list(errors)

    def look(selected):
        return {"auroc": left.pop(0)} | ({"error": more.pop(0)} if errors else {})

    return Probing(look, ("auroc", *(("error",) if errors else ())), "auroc", every, keep, "error")


def of_weights(keep="best_probe", every=1):
    """A probe that goes by the weights, as real ones do: best after the second epoch of the blobs."""

    def look(selected):
        weights = selected.head.weight.detach()
        return {"norm": float(weights.norm()), "auroc": -abs(float(weights.norm()) - 0.96)}

    return Probing(look, ("norm", "auroc"), "auroc", every, keep)


@pytest.mark.parametrize(
    ("qualities", "best"),
    [
        ((0.9, 0.5, 0.7, 0.6, 0.7, 0.6), 2),  # the start cannot be kept, and of equal epochs the earlier is
        ((0.5, math.nan, 0.1, 0.2, math.nan, 0.15), 3),
        ((0.5, *[math.nan] * 5), 5),
    ],
)
def test_the_weights_of_the_epoch_with_the_best_probe_are_kept(batches, blobs, tmp_path, qualities, best):
    selected, alike = blobs(), blobs()
    result = fit(
        selected, batches(0, 24), probing=reported_in_turn(*qualities), settings=SETTINGS, directory=tmp_path / "five"
    )
    assert (result.best_epoch, result.start["auroc"]) == (best, qualities[0])
    after = []

    def look(module):
        after.append({name: value.clone() for name, value in module.state_dict().items()})
        return {"auroc": 0.5}

    watching = Probing(look, ("auroc",), "auroc", 1, keep="last")
    fit(alike, batches(0, 24), probing=watching, settings=SETTINGS, directory=tmp_path / "watched")
    assert all(torch.equal(value, after[best][name]) for name, value in selected.state_dict().items())


@pytest.mark.parametrize(
    ("keep", "qualities", "errors", "best"),
    [
        ("last", (0.5, 0.9, 0.1, 0.2, 0.3, 0.1), (), 5),
        # 0.65 is within 0.1 of 0.7; the 0.61 after it is not within the error of the highest, 0.75, that came later
        ("within_one_error", (0.5, 0.7, 0.65, 0.75, 0.61, 0.70), (0.0, 0.1, 0.1, 0.1, 0.1, 0.1), 5),
        ("within_one_error", (0.5, 0.7, 0.65, 0.75, 0.61, 0.64), (0.0, 0.1, 0.1, 0.1, 0.2, 0.2), 3),
        # means of up to three: 0.9, 0.5, 0.5667, 0.5333, 0.7
        ("smoothed_probe", (0.5, 0.9, 0.1, 0.7, 0.8, 0.6), (), 1),
        ("smoothed_probe", (0.5, 0.6, 0.1, 0.7, 0.8, 0.6), (), 5),
        ("smoothed_probe", (0.5, 0.6, math.nan, 0.7, 0.8, 0.6), (), 5),
    ],
)
def test_other_rules_keep_what_they_say(batches, blobs, tmp_path, keep, qualities, errors, best):
    probing = reported_in_turn(*qualities, keep=keep, errors=errors)
    selected, alike = blobs(), blobs()
    result = fit(selected, batches(0, 24), probing=probing, settings=SETTINGS, directory=tmp_path / "selected")
    assert result.best_epoch == best
    after = []

    def look(module):
        after.append({name: value.clone() for name, value in module.state_dict().items()})
        return {"auroc": 0.5}

    fit(
        alike,
        batches(0, 24),
        probing=Probing(look, ("auroc",), "auroc", 1),
        settings=SETTINGS,
        directory=tmp_path / "all",
    )
    assert all(torch.equal(value, after[best][name]) for name, value in selected.state_dict().items())


def test_training_does_not_depend_on_probes(batches, blobs, tmp_path):
    plain, probed = blobs(), blobs()
    without = fit(plain, batches(0, 40), settings=SETTINGS, directory=tmp_path / "plain")
    probing = of_weights(keep="last")
    result = fit(probed, batches(0, 40), probing=probing, settings=SETTINGS, directory=tmp_path / "probed")
    assert all(torch.equal(value, probed.state_dict()[name]) for name, value in plain.state_dict().items())
    assert result.best_epoch == without.best_epoch == 5
    times = ["images_per_second", "data_wait_fraction", "seconds"]
    assert result.curves.drop("norm", "auroc", SECONDS, *times).equals(without.curves.drop(times))


def test_curves_are_null_between_probes_and_the_last_epoch_has_one(batches, blobs, tmp_path):
    result = fit(
        blobs(), batches(0, 16), probing=reported_in_turn(0.1, 0.2, 0.3, 0.4, every=2), settings=SETTINGS,
        directory=tmp_path,
    )  # fmt: skip
    assert result.curves["auroc"].to_list() == [None, 0.2, None, 0.3, 0.4]
    assert result.curves[SECONDS].is_null().to_list() == [True, False, True, False, False]
    assert pl.read_parquet(tmp_path / "curves.parquet").schema["auroc"] == pl.Float64


@pytest.mark.parametrize("kills", [(1,), (4, 6, 7), (14,)])
def test_a_killed_run_keeps_the_same_epoch_and_the_same_bits(batches, blobs, tmp_path, kills):
    class Killed(Exception):
        pass

    def killer(at):
        def report(done, total, note):
            if done == at:
                raise Killed

        return report

    whole = blobs()
    expected = fit(whole, batches(0, 24), probing=of_weights(), settings=SETTINGS, directory=tmp_path / "whole")
    assert 1 < expected.best_epoch < 5  # so that the best weights must come through the checkpoint
    for at in kills:
        with pytest.raises(Killed):
            fit(
                blobs(), batches(0, 24), probing=of_weights(), settings=SETTINGS, directory=tmp_path / "killed",
                on_progress=killer(at),
            )  # fmt: skip
    resumed = blobs(seed=9)
    result = fit(resumed, batches(0, 24), probing=of_weights(), settings=SETTINGS, directory=tmp_path / "killed")
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())
    assert result.best_epoch == expected.best_epoch
    assert result.start["auroc"] == expected.start["auroc"]
    assert result.curves["auroc"].equals(expected.curves["auroc"])


def test_a_checkpoint_of_a_run_that_is_probed_otherwise_is_refused(batches, blobs, tmp_path):
    fit(blobs(), batches(0, 16), probing=of_weights(), settings=SETTINGS, directory=tmp_path)
    for other in (None, of_weights(every=2), of_weights(keep="last")):
        with pytest.raises(HilumError, match="expected a checkpoint of these settings"):
            fit(blobs(), batches(0, 16), probing=other, settings=SETTINGS, directory=tmp_path)


def test_the_last_probe_is_reported_with_the_progress(batches, blobs, tmp_path):
    message = []
    probing = reported_in_turn(0.125, 0.25, 0.5)
    fit(
        blobs(), batches(0, 16), probing=probing, settings=replace(SETTINGS, epochs=2), directory=tmp_path,
        on_progress=lambda *it: message.append(it[2].rpartition(" · ")[2]),
    )  # fmt: skip
    assert message == ["probe 0.125", "probe 0.125", "probe 0.250", "probe 0.250"]


def test_validation_and_a_probe_cannot_both_choose(batches, blobs, tmp_path):
    with pytest.raises(ValueError, match="either validation or a probe"):
        fit(
            blobs(), batches(0, 16), validation=batches(16, 24), probing=of_weights(), settings=SETTINGS,
            directory=tmp_path,
        )  # fmt: skip
