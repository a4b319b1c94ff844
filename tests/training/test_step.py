"""What is done to gradients on the way to a step: parts of a batch, encoders that wait for their heads."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings
from hilum.training.step import step_seed
from hilum.training.trainable import Trainable

PLAIN = TrainingSettings(epochs=1, lr=0.05, precision="fp32", weight_decay=0.1)


class Scores(Trainable):
    """Squared error of a score of each image; batch norm in the encoder, none in the head."""

    def __init__(self, whole_batch=""):
        super().__init__()
        self.encoder = create_encoder("toh2023_resnet", seed=0)
        self.head = nn.Linear(self.encoder.feature_width, 1)
        nn.init.constant_(self.head.weight, 0.01)
        nn.init.zeros_(self.head.bias)
        self.reason, self.sizes = whole_batch, []

    @property
    def needs_whole_batch(self):
        return self.reason

    def training_loss(self, batch, epoch):
        self.sizes.append(len(batch))
        images = nn.functional.interpolate(batch.images.float() / 255, size=32)
        return (self.head(self.encoder(images)) - batch.targets).square().mean()


def encoder_bits(trainable):
    return {name: value.clone() for name, value in trainable.encoder.state_dict().items()}


def equal(one, two):
    return all(torch.equal(value, two[name]) for name, value in one.items())


def test_heads_train_alone_for_the_first_steps(batches, tmp_path):
    """Neither weights nor batch-norm statistics of the encoder move, nor does weight decay shrink it."""
    waiting = Scores()
    start, head = encoder_bits(waiting), waiting.head.weight.clone()
    fit(waiting, batches(0, 40), settings=replace(PLAIN, freeze_encoder_steps=5), directory=tmp_path / "all")
    assert equal(encoder_bits(waiting), start)
    assert not torch.equal(waiting.head.weight, head)
    assert all(parameter.requires_grad for parameter in waiting.parameters())
    once = Scores()
    fit(once, batches(0, 40), settings=replace(PLAIN, freeze_encoder_steps=4), directory=tmp_path / "but-one")
    moved = encoder_bits(once)
    assert {int(value) for name, value in moved.items() if "num_batches" in name} == {1}
    stem = f"body.{once.encoder.stem.convolution}.weight"
    assert not torch.equal(moved[stem], start[stem])


def test_a_run_killed_while_the_encoder_waits_and_after_ends_with_the_same_bits(batches, tmp_path):
    class Killed(Exception):
        pass

    settings = replace(PLAIN, epochs=2, freeze_encoder_steps=4, checkpoint_every_seconds=0)
    whole, resumed = Scores(), Scores()
    seldom = replace(settings, checkpoint_every_seconds=600)
    fit(whole, batches(0, 40), settings=seldom, directory=tmp_path / "whole")
    for kill in (3, 6):

        def report(done, *_, at=kill):
            if done == at:
                raise Killed

        with pytest.raises(Killed):
            fit(Scores(), batches(0, 40), settings=settings, directory=tmp_path / "killed", on_progress=report)
    fit(resumed, batches(0, 40, workers=2), settings=settings, directory=tmp_path / "killed")
    assert equal(whole.state_dict(), resumed.state_dict())


def test_a_batch_in_parts_takes_the_step_of_the_whole(batches, tmp_path):
    ends = []
    for parts in (1, 2, 4):
        scores = Scores()
        for module in scores.encoder.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.train = lambda mode=True, module=module: module  # in evaluation mode for good
                module.training = False
        fit(
            scores, batches(0, 40), directory=tmp_path / str(parts),
            settings=replace(PLAIN, optimizer="sgd", lr=1e-3, gradient_accumulation_steps=parts, clip_grad_norm=1.0),
        )  # fmt: skip
        assert scores.sizes == [8 // parts] * 5 * parts
        ends.append(scores.state_dict())
    for name, value in ends[0].items():
        assert torch.allclose(value, ends[1][name], atol=1e-5), name
        assert torch.allclose(value, ends[2][name], atol=1e-5), name


@pytest.mark.parametrize(
    ("reason", "images", "parts", "message"),
    [
        ("it compares images", 40, 2, "found 2, but it compares images. Use a smaller batch"),
        ("", 40, 2, "found 2, but its batch norm takes its statistics from the whole batch"),
        (
            "",
            40,
            3,
            r"expected a multiple of 3 \(processes × gradient accumulation steps\); found batches of 8 and 8 images",
        ),
        ("", 13, 2, "found batches of 8 and 5 images"),
    ],
)
def test_parts_that_would_change_the_result_are_refused(batches, tmp_path, reason, images, parts, message):
    with pytest.raises(HilumError, match=message):
        fit(
            Scores(reason),
            batches(0, images),
            settings=replace(PLAIN, gradient_accumulation_steps=parts),
            directory=tmp_path,
        )


def test_a_loss_that_says_nothing_of_itself_is_taken_whole(batches, blobs, tmp_path):
    with pytest.raises(HilumError, match="not known to be a mean over images"):
        fit(blobs(), batches(0, 40), settings=replace(PLAIN, gradient_accumulation_steps=2), directory=tmp_path)


def test_weight_decay_moves_during_the_run(batches, tmp_path):
    """With gradients of zero, plain descent shrinks a weight by 1 - lr β each step; β is 0.1, 0.1 + 0.4 · 0.0955, …"""

    class Still(Trainable):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1))

        def training_loss(self, batch, epoch):
            return self.weight.sum() * 0.0

    still = Still()
    settings = replace(PLAIN, optimizer="adamw", schedule="constant", weight_decay_end=0.5)
    fit(still, batches(0, 40), settings=settings, directory=tmp_path)
    betas = [0.5 - 0.4 * share for share in (1.0, 0.9045085, 0.6545085, 0.3454915, 0.0954915)]
    expected = 1.0
    for beta in betas:
        expected *= 1 - 0.05 * beta
    assert still.weight.item() == pytest.approx(expected, rel=1e-5)


def test_every_process_drops_its_own_and_the_first_what_one_would():
    assert step_seed(3, 4) == step_seed(3, 4, 0)
    assert len({step_seed(3, 4, process) for process in range(8)}) == 8
