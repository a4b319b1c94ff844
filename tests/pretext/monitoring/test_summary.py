import numpy as np
import polars as pl
import pytest

from hilum.data.labelled_images import LabelledImages
from hilum.pretext.monitoring import OnlineProbe, ProbedImages, describe_probing, run_notes
from hilum.training.fit import Fit


@pytest.fixture
def images():
    """Two images to fit and one to score; labels do not matter here."""

    def of(decides=True, keep="best_probe"):
        ids, targets = [["a", "b"], ["c"]], np.zeros((2, 1), np.float32)
        parts = [LabelledImages(each, each, targets[: len(each)]) for each in ids]
        return OnlineProbe(None, ProbedImages(["Mass"], *parts, [12 if decides else 3], decides), keep)

    return of


def fitted(losses, probes=None, best=None, start=0.6, error=0.01):
    message = {"probe_auroc": probes, "probe_error": [error] * len(losses)} if probes else {}
    curves = pl.DataFrame({"epoch": range(1, len(losses) + 1), "train_loss": losses} | message)
    return Fit(best or len(losses), None, curves, False, {"probe_auroc": start} if probes else {})


def notes(run, images=None, chance=None):
    return list(map(str, run_notes(run, images, chance_loss=chance, advice="Lower `lr`.")))


def test_without_labels_the_last_epoch_is_kept_and_that_is_reported():
    assert notes(fitted([3.0, 2.0])) == ["epoch 2 of 2 was kept, the last one: not probed"]


def test_the_epoch_with_the_best_probe_is_named_beside_the_last_and_the_start(images):
    expected = notes(fitted([3.0, 2.0, 1.0], [0.7, None, 0.65], best=1), images())
    assert len(expected) == 1
    assert expected[0].startswith(
        "epoch 1 of 3 was kept, the epoch with the best probe: probe AUROC 0.700 (last epoch 0.650, before training 0.6"
    )
    assert expected[0].endswith("mean of linear and nearest-neighbour macro AUROC on 1 validation images")


def test_with_too_few_positive_patients_the_last_epoch_is_kept_and_nothing_is_doubted(images):
    expected = notes(fitted([3.0, 2.0], [0.5, 0.4]), images(decides=False))
    assert expected == [
        "epoch 2 of 2 was kept, the last one: probe AUROC 0.400 (before training 0.600, of findings with fewer than "
        "10 positive patients)"
    ]


def test_a_probe_that_never_reads_more_than_before_training_is_a_doubt_with_advice(images):
    assert len(notes(fitted([3.0, 2.0], [0.5, 0.61]), images())) == 1
    expected = notes(fitted([3.0, 2.0], [0.5, 0.6]), images())
    assert expected[1:] == ["little was learned: no probe is above the one before training (0.600). Lower `lr`."]


def test_a_loss_that_ends_where_an_encoder_that_says_nothing_would_be_is_a_doubt():
    """Mean of the last three epochs, 4.0, against 0.95 of the loss of chance."""
    run = fitted([9.0, 4.1, 4.0, 3.9])
    assert len(notes(run, chance=4.0 / 0.949)) == 1
    assert notes(run, chance=4.0 / 0.951)[1].startswith("little was learned: the loss ended at 4.000, near its chance")


def test_the_plan_says_whose_labels_are_read_and_what_they_decide(images):
    assert describe_probing(None, 5) == "no labels to probe with: the last epoch is kept"
    assert describe_probing(images().images, 0) == "not probed: the last epoch is kept"
    assert describe_probing(images().images, 5, "best_probe") == (
        "probed before training and every 5 epochs, fitted to 2 images of 2 patients, scored on 1 image of 1 patient; "
        "positive patients scored: Mass (12). The epoch with the best probe is kept"
    )
    assert describe_probing(images().images, 5).endswith("Mass (12). The last epoch is kept")
    assert describe_probing(images(decides=False).images, 1).endswith("(at most 3). The last epoch is kept")


def test_a_probe_that_fell_by_more_than_two_errors_is_an_alarm_where_it_chooses_nothing(images):
    run = fitted([3.0, 2.0, 1.0], [0.7, 0.71, 0.68])
    assert len(notes(fitted([3.0, 2.0, 1.0], [0.7, 0.71, 0.70]), images(keep="last"))) == 1
    expected = notes(run, images(keep="last"))
    assert expected[0] == "epoch 3 of 3 was kept, the last one: probe AUROC 0.680 (before training 0.600)"
    assert expected[1].startswith(
        "the probe fell: 0.710 after epoch 2, 0.680 at the end, more than 2 standard errors (0.010)"
    )
    assert len(notes(fitted([3.0, 2.0, 1.0], [0.7, 0.71, 0.68], best=2), images())) == 1
