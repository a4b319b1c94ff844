import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lightly.loss import NTXentLoss

from hilum.augment import AUGMENTATIONS
from hilum.encoders.zoo import create_encoder
from hilum.pretext.methods import MoCoV2, PretextRun, info_nce
from hilum.pretext.methods.settings import MoCoV2Settings


def create(queue=8, momentum=0.9, seed=0, head_batch_norm=False):
    run = PretextRun(
        AUGMENTATIONS["mocov2"],
        AUGMENTATIONS["local"],
        size=32,
        local_size=32,
        images=32,
        batch_size=4,
        steps=8,
        seed=seed,
        collapse_monitor=None,
    )
    settings = MoCoV2Settings(temperature=0.2, queue=queue, momentum=momentum, head_batch_norm=head_batch_norm)
    return MoCoV2(create_encoder("resnet18", seed=seed), settings, run)


def draws(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


def slow_info_nce(query, key, queue, temperature, own):
    """He et al. 2020, eq. 1, term by term."""
    total = 0.0
    for i in range(len(query)):
        q, k = query[i] / query[i].norm(), key[i] / key[i].norm()
        positive = math.exp(float(q @ k) / temperature)
        negatives = [math.exp(float(q @ queue[j]) / temperature) for j in range(len(queue)) if not own[i, j]]
        total -= math.log(positive / (positive + sum(negatives)))
    return total / len(query)


def test_projections_that_say_nothing_cost_the_log_of_the_candidates():
    same = F.normalize(torch.ones(6, 4), dim=1)
    assert info_nce(same[:3], same[:3], same, 0.2).item() == pytest.approx(math.log(7), abs=1e-6)


def test_a_key_nearer_than_the_queue_costs_nothing():
    axes = torch.eye(6)
    assert info_nce(axes[:2], axes[:2], axes[2:], 0.05).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_equals_the_definition_written_out(temperature):
    query, key, queue = draws((5, 3), (5, 3), (7, 3))
    queue = F.normalize(queue, dim=1)
    own = torch.rand(5, 7, generator=torch.Generator().manual_seed(1)) < 0.3
    expected = slow_info_nce(query, key, queue, temperature, own)
    assert info_nce(query, key, queue.float(), temperature, own).item() == pytest.approx(expected, rel=1e-5)


def test_equals_lightlys_loss_with_a_memory_bank():
    query, key = (each.float() for each in draws((8, 16), (8, 16)))
    loss = NTXentLoss(temperature=0.2, memory_bank_size=(32, 16))
    queue = loss.memory_bank.bank.clone()
    assert info_nce(query, key, queue, 0.2).item() == pytest.approx(loss(query, key).item(), rel=1e-5)


def test_batch_norm_leaves_no_direction_that_all_images_share(batch_of):
    method = create(head_batch_norm=True)
    with torch.no_grad():
        features = method.encoder(torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0)))
        projections = method.head(100 + features)
    assert torch.allclose(projections.mean(0), torch.zeros(128), atol=1e-5)
    assert torch.allclose(projections.var(0, correction=0), torch.ones(128), atol=1e-2)


def test_the_key_encoder_starts_as_a_copy_that_gets_no_gradient(batch_of):
    method = create()
    for name, parameter in method.encoder.state_dict().items():
        assert torch.equal(parameter, method.momentum_encoder.state_dict()[name])
    method.training_loss(batch_of([0, 1, 2, 3]), epoch=0).backward()
    copied = [*method.momentum_encoder.parameters(), *method.momentum_head.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in copied)
    assert all(parameter.grad is not None for parameter in [*method.encoder.parameters(), *method.head.parameters()])


def test_after_a_step_the_copy_is_the_weighted_mean_of_old_copy_and_encoder():
    method = create(momentum=0.9)
    pairs = list(zip(method.momentum_encoder.parameters(), method.encoder.parameters(), strict=True))
    with torch.no_grad():
        for _, trained in pairs:
            trained.add_(1.0)
    expected = [0.9 * copied + 0.1 * trained for copied, trained in pairs]
    method.after_step()
    for (copied, _), mean in zip(pairs, expected, strict=True):
        assert torch.allclose(copied, mean, atol=1e-6)


def test_the_queue_keeps_the_last_keys_first_in_first_out_with_any_batch_size(batch_of):
    method = create(queue=8)
    pending_keys, training_images = [], []
    for epoch, images in enumerate([[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11, 12, 13], [14, 15]]):
        batch = batch_of(images)
        method.training_loss(batch, epoch)
        pending_keys.append(method.pending[0])
        training_images.extend(batch.keys.view(np.int64))
        method.after_step()
        stored = len(training_images)
        places = torch.arange(max(0, stored - 8), stored) % 8
        assert torch.equal(method.queue[places], torch.cat(pending_keys)[-8:])
        assert method.queue_images[places].tolist() == training_images[-8:]
        assert method.queue_next == stored % 8


def test_a_batch_longer_than_the_queue_leaves_its_last_keys(batch_of):
    method = create(queue=3)
    batch = batch_of([0, 1, 2, 3, 4])
    method.training_loss(batch, epoch=0)
    method.after_step()
    assert sorted(method.queue_images.tolist()) == sorted(batch.keys.view(np.int64)[-3:].tolist())


def test_an_images_own_earlier_key_is_no_negative(batch_of):
    method, batch = create(queue=4, momentum=0.0), batch_of([0, 1, 2, 3])
    method.training_loss(batch, epoch=0)
    method.after_step()
    first, second = method.views.of(batch, 1)
    expected = info_nce(
        method.head(method.encoder(first)),
        method.momentum_head(method.momentum_encoder(second)),
        method.queue,
        0.2,
        torch.eye(4, dtype=torch.bool),
    )
    assert method.training_loss(batch, epoch=1).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_queue_starts_with_unit_vectors_of_the_seed():
    first, same, other = (create(queue=16, seed=seed).queue for seed in (1, 1, 2))
    assert torch.allclose(first.norm(dim=1), torch.ones(16))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_resumed_run_has_queue_copy_and_epoch(batch_of):
    method = create()
    for epoch in range(2):
        method.training_loss(batch_of([0, 1, 2]), epoch)
        method.after_step()
    resumed = create(seed=1)
    resumed.views = method.views
    resumed.load_state_dict(method.state_dict())
    losses = [each.training_loss(batch_of([4, 5, 6]), 2).item() for each in (method, resumed)]
    assert losses[0] == losses[1]
    assert resumed.epoch == 2
