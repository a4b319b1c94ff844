import math

import polars as pl
import pytest
import torch
from torch import nn

from hilum.errors import HilumError
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings
from hilum.training.step import step_seed
from hilum.training.trainable import Trainable

SETTINGS = TrainingSettings(epochs=4, lr=0.01, precision="fp32", warmup_epochs=1)


class Line(Trainable):
    """One weight w; loss w on the training images, so that plain gradient descent can be done by hand."""

    def __init__(self, validation_losses=()):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0]))
        self.validation_losses = list(validation_losses)

    def training_loss(self, batch, epoch):
        return self.weight.sum() * 1.0

    def validation_loss(self, batch):
        return torch.tensor(self.validation_losses.pop(0)) * len(batch), torch.tensor(len(batch))


def test_plain_descent_moves_the_weight_as_by_hand(batches, tmp_path):
    line = Line()
    settings = TrainingSettings(epochs=2, lr=0.1, optimizer="sgd", schedule="constant", precision="fp32")
    result = fit(line, batches(0, 16), settings=settings, directory=tmp_path)
    # gradient 1 and momentum 0.9: velocities 1, 1.9, 2.71, 3.439
    assert line.weight.item() == pytest.approx(1 - 0.1 * (1 + 1.9 + 2.71 + 3.439), rel=1e-6)
    # the loss before each step: w = 1, 0.9 in the first epoch; 0.71, 0.439 in the second
    assert result.curves["train_loss"].to_list() == pytest.approx([0.95, (0.71 + 0.439) / 2], rel=1e-6)


def test_gradients_are_clipped_to_the_norm_asked_for(batches, tmp_path):
    line = Line()
    settings = TrainingSettings(
        epochs=1, lr=1.0, optimizer="sgd", schedule="constant", precision="fp32", clip_grad_norm=0.25
    )
    fit(line, batches(0, 8), settings=settings, directory=tmp_path)
    assert line.weight.item() == pytest.approx(0.75, rel=1e-4)


def test_it_learns_what_can_be_learnt(batches, blobs, tmp_path):
    settings = TrainingSettings(epochs=30, lr=0.01, precision="fp32")
    curves = fit(blobs(), batches(0, 40), settings=settings, directory=tmp_path).curves
    assert curves["train_loss"][0] > 0.6
    assert curves["train_loss"][-1] < 0.35


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss(batches, tmp_path):
    line = Line([0.5, 0.4, 0.6, 0.45, 0.3])
    settings = TrainingSettings(epochs=5, lr=0.1, optimizer="sgd", schedule="constant", precision="fp32", patience=2)
    result = fit(line, batches(0, 8), validation=batches(8, 16), settings=settings, directory=tmp_path)
    assert result.stopped_early
    assert (result.best_epoch, result.best_validation_loss) == (2, pytest.approx(0.4))
    assert result.curves["val_loss"].to_list() == pytest.approx([0.5, 0.4, 0.6, 0.45])
    assert line.weight.item() == pytest.approx(1 - 0.1 * (1 + 1.9), rel=1e-6)  # after two of four steps


def test_without_patience_all_epochs_run_and_the_best_is_kept(batches, tmp_path):
    line = Line([0.5, 0.6, 0.7, 0.8])
    result = fit(line, batches(0, 8), validation=batches(8, 16), settings=SETTINGS, directory=tmp_path)
    assert (result.best_epoch, result.stopped_early, len(result.curves)) == (1, False, 4)


def test_the_validation_loss_is_the_mean_over_terms_not_over_batches(batches, tmp_path):
    line = Line([1.0, 4.0])
    settings = TrainingSettings(epochs=1, lr=0.1, precision="fp32")
    result = fit(line, batches(0, 8), validation=batches(8, 18), settings=settings, directory=tmp_path)
    assert result.best_validation_loss == pytest.approx((8 * 1.0 + 2 * 4.0) / 10)


def test_a_plateau_reduces_the_learning_rate(batches, tmp_path):
    settings = TrainingSettings(epochs=4, lr=0.1, schedule="plateau", plateau_patience=0, precision="fp32")
    line = Line([0.5, 0.6, 0.4, 0.4])
    curves = fit(line, batches(0, 8), validation=batches(8, 16), settings=settings, directory=tmp_path).curves
    assert curves["lr"].to_list() == pytest.approx([0.1, 0.1, 0.01, 0.01])


def test_curves_have_one_row_an_epoch_and_are_on_disk(batches, blobs, tmp_path):
    result = fit(blobs(), batches(0, 40), validation=batches(0, 8), settings=SETTINGS, directory=tmp_path)
    assert result.curves.columns == [
        "epoch", "step", "train_loss", "val_loss", "lr", "images_per_second", "data_wait_fraction", "seconds", "copy_norm",
    ]  # fmt: skip
    assert result.curves["epoch"].to_list() == [1, 2, 3, 4]
    assert result.curves["step"].to_list() == [5, 10, 15, 20]
    # warm-up over 5 steps, then a cosine over 15; steps 5, 10, 15, 20 are 4, 9, 14, 19 counted from 0
    cosine = [0.5 * (1 + math.cos(math.pi * t / 15)) for t in (4, 9, 14)]
    assert result.curves["lr"].to_list() == pytest.approx([0.01, *(0.01 * share for share in cosine)])
    assert result.curves["data_wait_fraction"].is_between(0, 1).all()
    assert (result.curves["images_per_second"] > 0).all()
    assert pl.read_parquet(tmp_path / "curves.parquet").equals(result.curves)


def test_without_validation_the_curve_says_so_and_the_last_weights_stay(batches, blobs, tmp_path):
    result = fit(blobs(), batches(0, 40), settings=SETTINGS, directory=tmp_path)
    assert result.curves["val_loss"].to_list() == [None] * 4
    assert result.curves["val_loss"].dtype == pl.Float64
    assert (result.best_epoch, result.best_validation_loss) == (4, None)


def test_progress_counts_every_step_and_tells_loss_rate_and_waiting(batches, blobs, tmp_path):
    message = []
    fit(blobs(), batches(0, 40), settings=SETTINGS, directory=tmp_path, on_progress=lambda *it: message.append(it))
    assert [done for done, _, _ in message] == list(range(1, 21))
    assert {total for _, total, _ in message} == {20}
    assert message[-1][2].startswith("epoch 4/4 · loss 0.")
    assert message[-1][2].split(" · ")[2].endswith("images/s")
    assert message[-1][2].split(" · ")[3].startswith("data-wait ")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(batches, tmp_path, value):
    class Breaks(Line):
        def training_loss(self, batch, epoch):
            self.taken = getattr(self, "taken", 0) + 1
            return self.weight.sum() * (value if self.taken == 5 else 1.0)

    with pytest.raises(
        HilumError, match=r"epoch 2, step 2 of 3: expected a finite training loss; found (nan|inf).*`lr`"
    ):
        fit(Breaks(), batches(0, 24), settings=SETTINGS, directory=tmp_path)


def test_a_validation_loss_that_is_not_finite_stops_the_run(batches, tmp_path):
    with pytest.raises(HilumError, match="validation after epoch 1: expected a finite loss"):
        fit(Line([math.nan]), batches(0, 8), validation=batches(8, 16), settings=SETTINGS, directory=tmp_path)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_any_number_of_workers_gives_the_same_bits(batches, blobs, tmp_path, precision):
    settings = TrainingSettings(epochs=2, lr=0.01, precision=precision)
    weights = []
    for workers in (0, 1, 4):
        trained = blobs()
        fit(trained, batches(0, 40, workers=workers), settings=settings, directory=tmp_path / str(workers))
        weights.append(trained.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name])
        assert torch.equal(value, weights[2][name])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_nothing_is_printed(batches, blobs, tmp_path, capfd, caplog, precision):
    settings = TrainingSettings(epochs=1, lr=0.01, precision=precision)
    fit(blobs(), batches(0, 8), settings=settings, directory=tmp_path)
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_bf16_rounds_products_and_fp32_does_not(batches, tmp_path):
    class Product(Line):
        def __init__(self):
            super().__init__()
            self.linear, self.kinds = nn.Linear(4, 1), []

        def training_loss(self, batch, epoch):
            product = self.linear(torch.ones(2, 4))
            self.kinds.append(product.dtype)
            return product.float().mean()

    for precision, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        product = Product()
        settings = TrainingSettings(epochs=1, lr=0.01, precision=precision)
        fit(product, batches(0, 8), settings=settings, directory=tmp_path / precision)
        assert product.kinds == [kind]
        assert product.linear.weight.dtype == torch.float32


def test_another_seed_gives_other_dropout(batches, blobs, tmp_path):
    ends = []
    for seed in (0, 1):
        trained = blobs()
        settings = TrainingSettings(epochs=1, lr=0.01, precision="fp32", seed=seed)
        fit(trained, batches(0, 40), settings=settings, directory=tmp_path / str(seed))
        ends.append(trained.head.weight.detach())
    assert not torch.equal(*ends)


def test_the_callers_generator_and_flags_are_left_alone(batches, blobs, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    fit(blobs(), batches(0, 16), settings=SETTINGS, directory=tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()


def test_steps_have_seeds_of_their_own():
    assert len({step_seed(seed, step) for seed in range(10) for step in range(1000)}) == 10_000
