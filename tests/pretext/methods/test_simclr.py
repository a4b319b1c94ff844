from dataclasses import replace

import torch

from hilum.augment import AUGMENTATIONS, random_views
from hilum.encoders.zoo import create_encoder
from hilum.pretext.losses.nt_xent import nt_xent
from hilum.pretext.methods import PretextRun, SimCLR
from hilum.pretext.methods.settings import SimCLRSettings

RUN = PretextRun(
    AUGMENTATIONS["simclr"],
    AUGMENTATIONS["local"],
    32,
    32,
    images=32,
    batch_size=4,
    steps=8,
    seed=5,
    collapse_monitor=None,
)
VIEWS = RUN.two_crop_views()


def create(seed=5):
    return SimCLR(create_encoder("resnet18", seed=0), SimCLRSettings(temperature=0.2), replace(RUN, seed=seed))


def test_the_two_views_are_views_zero_and_one_of_the_epoch(batch_of):
    batch = batch_of([3, 1, 8])
    for view, images in enumerate(VIEWS.of(batch, epoch=2)):
        expected = random_views(batch.images, batch.keys, AUGMENTATIONS["simclr"], 32, seed=5, epoch=2, view=view)
        assert torch.equal(images, expected)


def test_the_loss_is_nt_xent_of_the_projections_of_both_views(batch_of):
    method, batch = create(), batch_of([0, 1, 2, 3])
    loss = method.training_loss(batch, epoch=1)
    again = create()
    projections = again.head(again.encoder(torch.cat(VIEWS.of(batch, 1))))
    assert loss.item() == nt_xent(projections[:4], projections[4:], 0.2).item()


def test_the_head_depends_on_the_seed_alone_and_torchs_generator_stays():
    state = torch.get_rng_state()
    first, same, other = (create(seed).head[0].weight for seed in (1, 1, 2))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_head_has_two_layers_as_in_the_paper():
    shapes = [tuple(parameter.shape) for parameter in create().head.parameters()]
    assert shapes == [(512, 512), (512,), (128, 512), (128,)]


def test_the_epoch_under_way_is_part_of_the_state(batch_of):
    method = create()
    method.training_loss(batch_of([0, 1]), epoch=7)
    resumed = create()
    resumed.load_state_dict(method.state_dict())
    assert resumed.epoch == 7


def test_a_step_trains_encoder_and_head(batch_of):
    method = create()
    method.training_loss(batch_of([0, 1, 2, 3]), epoch=0).backward()
    for part in (method.head, method.encoder):
        assert all(parameter.grad is not None for parameter in part.parameters())
        assert next(part.parameters()).grad.abs().sum() > 0
