import numpy as np
import polars as pl
import pytest

from hilum.errors import HilumError
from hilum.finetuning.monitoring import LearningSign, diagnose, read_learning, write_learning

EPOCHS = 20


def run(train, val, spread=1.0, *, planned=EPOCHS, chance=0.69):
    curves = pl.DataFrame(
        {
            "epoch": range(1, len(train) + 1),
            "step": [4 * epoch for epoch in range(1, len(train) + 1)],
            "train_loss": train,
            "val_loss": val,
        },
        schema_overrides={"val_loss": pl.Float64},
    )
    logits = np.random.default_rng(0).normal(0, spread, (500, 2)).astype(np.float32)
    return diagnose(curves, logits, planned_epochs=planned, chance_loss=chance)


FALLING = list(np.linspace(0.69, 0.30, EPOCHS))
LEARNT = [0.6, 0.5, 0.42, *[0.4] * 17]


def test_a_run_that_is_over_has_no_sign():
    learning = run(FALLING, LEARNT)
    assert learning.signs == []
    assert (learning.best_epoch, learning.epochs, learning.steps) == (4, EPOCHS, 4 * EPOCHS)


def test_a_validation_loss_that_still_falls_at_the_end_is_a_sign_and_one_that_stands_is_none():
    assert run(FALLING, FALLING).signs == [LearningSign.BEST_EPOCH_IS_LAST]
    still = [0.5, *np.linspace(0.4, 0.399, EPOCHS - 1)]
    assert run(FALLING, still).best_epoch == EPOCHS
    assert run(FALLING, still).signs == []


def test_a_run_that_stopped_early_is_over():
    assert run(FALLING, FALLING, planned=100).signs == []


def test_a_run_that_was_validated_once_says_nothing_of_its_last_epoch_but_by_the_other_signs():
    once = [None] * (EPOCHS - 1) + [0.5]
    assert LearningSign.BEST_EPOCH_IS_LAST not in run(FALLING, once).signs


def test_a_training_loss_at_that_of_constant_scores_is_a_sign():
    flat = [0.68] * EPOCHS
    assert run(flat, LEARNT).signs == [LearningSign.LOSS_NEAR_CHANCE]
    assert run(flat, LEARNT, chance=1.0).signs == []


def test_scores_between_0488_and_0505_are_a_sign():
    """As 15 steps left them."""
    assert run(FALLING, LEARNT, spread=0.017).signs == [LearningSign.SCORES_DO_NOT_SPREAD]


def test_the_record_is_read_as_it_was_written(tmp_path):
    learning = run([0.69] * EPOCHS, FALLING, spread=0.01)
    write_learning(learning, tmp_path)
    assert read_learning(tmp_path) == learning
    assert all(isinstance(sign, LearningSign) for sign in read_learning(tmp_path).signs)
    with pytest.raises(HilumError, match="no such file"):
        read_learning(tmp_path / "nowhere")
