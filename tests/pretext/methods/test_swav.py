import math

import pytest
import torch
import torch.nn.functional as F

from hilum.augment import AUGMENTATIONS
from hilum.encoders.zoo import create_encoder
from hilum.pretext.losses import sinkhorn_assignments
from hilum.pretext.losses.koleo import koleo
from hilum.pretext.losses.swapped_prediction import swapped_prediction
from hilum.pretext.methods import PretextRun, SwAV
from hilum.pretext.methods.settings import SwAVSettings

VIEW = AUGMENTATIONS["simclr"]
RUN = PretextRun(VIEW, VIEW, 32, 32, images=32, batch_size=4, steps=8, seed=5, collapse_monitor=None)
VIEWS = RUN.multi_crop_views(local_crops=1)


def create(queue=0, queue_start_epoch=0, freeze_prototypes_epochs=0, koleo_weight=0.0):
    settings = SwAVSettings(
        temperature=0.1,
        epsilon=0.05,
        prototypes=6,
        queue=queue,
        queue_start_epoch=queue_start_epoch,
        koleo_weight=koleo_weight,
        freeze_prototypes_epochs=freeze_prototypes_epochs,
        local_crops=1,
    )
    return SwAV(create_encoder("resnet18", seed=0), settings, RUN)


def test_the_loss_is_the_swapped_prediction_of_the_views(batch_of):
    method, again, batch = create(), create(), batch_of([0, 1, 2, 3])
    loss = method.training_loss(batch, epoch=1)
    scores = []
    for views in VIEWS.of(batch, 1):
        directions = F.normalize(again.head(again.encoder(torch.cat(views))), dim=1)
        scores += (directions @ again.prototypes.T).chunk(len(views))
    expected = swapped_prediction(scores, [sinkhorn_assignments(view.detach(), 0.05) for view in scores[:2]], 0.1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_koleo_is_added_for_both_global_views(batch_of):
    method, plain, batch = create(koleo_weight=0.5), create(), batch_of([0, 1, 2, 3])
    loss, without = (each.training_loss(batch, epoch=1).item() for each in (method, plain))
    first, second = plain.encoder(torch.cat(VIEWS.of(batch, 1)[0])).chunk(2)
    assert loss - without == pytest.approx(0.5 * (koleo(first) + koleo(second)).item() / 2, rel=1e-4)
    assert (method.chance_loss, plain.chance_loss) == (None, pytest.approx(math.log(6)))


def test_a_full_queue_takes_part_in_the_assignments(batch_of):
    method = create(queue=8)
    for step in range(2):
        assert method.queue_filled == 4 * step
        method.training_loss(batch_of([0, 1, 2, 3]), epoch=0)
        method.after_step()
    assert method.queue_filled == 8
    scores = torch.rand(4, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    prototypes = F.normalize(method.prototypes.detach(), dim=1)
    together = sinkhorn_assignments(torch.cat([scores, method.queue[1] @ prototypes.T]), 0.05)[:4]
    assert torch.allclose(method._assign(1, scores, prototypes), together)
    assert not torch.allclose(together, sinkhorn_assignments(scores, 0.05))


def test_a_queue_has_no_part_while_projections_age_fast(batch_of):
    method, without = create(queue=4, queue_start_epoch=2), create()
    batch = batch_of([0, 1, 2, 3])
    for epoch in range(3):
        loss, plain = (each.training_loss(batch, epoch).item() for each in (method, without))
        assert (loss == plain) == (epoch < 2)
        method.after_step()
    assert method.queue_filled == 4


def test_the_queue_keeps_the_newest_projections_in_front(batch_of):
    method = create(queue=6)
    seen = []
    for epoch in range(3):
        method.training_loss(batch_of([0, 1, 2, 3]), epoch)
        seen.insert(0, method.pending)
        method.after_step()
    assert torch.equal(method.queue, torch.cat(seen, dim=1)[:, :6])


def test_prototypes_are_held_still_for_the_first_epochs(batch_of):
    method = create(freeze_prototypes_epochs=1)
    method.training_loss(batch_of([0, 1]), epoch=0).backward()
    assert method.prototypes.grad is None
    method.training_loss(batch_of([0, 1]), epoch=1).backward()
    assert method.prototypes.grad is not None
    assert all(parameter.grad is not None for parameter in method.encoder.parameters())


def test_weights_depend_on_the_seed_alone_and_torchs_generator_stays():
    state = torch.get_rng_state()
    assert torch.equal(create().prototypes, create().prototypes)
    assert torch.equal(torch.get_rng_state(), state)
