import math

import pytest
import torch

from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.pretext.modules import projection_head
from hilum.pretext.monitoring import (
    LEAST_PROJECTION_SPREAD,
    LEAST_RANK,
    LEAST_SPREAD,
    CollapseMonitor,
    effective_rank,
    feature_spread,
    monitored_images,
)


def gaussian(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def images(count=24):
    return (gaussian(count, 1, 32, 32) * 50 + 128).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize("width", [1, 4, 64])
def test_orthogonal_features_have_full_effective_rank(width):
    assert effective_rank(torch.cat([torch.eye(width), -torch.eye(width)])).item() == pytest.approx(width, rel=1e-3)


@pytest.mark.parametrize("shift", [0.0, 1.0, 100.0])
def test_a_direction_that_all_features_share_does_not_count(shift):
    """Behind a ReLU it has by far the largest singular value."""
    features = gaussian(200, 32).double()
    centred = features - features.mean(0)
    values = torch.linalg.svdvals(centred)
    shares = values / values.sum()
    expected = torch.exp(-(shares * shares.log()).sum()).item()
    assert effective_rank((features + shift).float()).item() == pytest.approx(expected, rel=1e-2)


def test_features_in_one_point_have_effective_rank_one():
    assert effective_rank(torch.ones(5, 4)).item() == 1


def test_features_on_one_line_have_effective_rank_one():
    assert effective_rank(torch.outer(torch.arange(1.0, 31), gaussian(64))).item() == pytest.approx(1, abs=1e-3)


def test_effective_rank_is_the_exponential_of_the_entropy():
    """Singular values 3 and 1: shares 3/4 and 1/4."""
    features = torch.zeros(6, 4)
    features[0, 2], features[1, 2], features[3, 1], features[4, 1] = 3, -3, 1, -1
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert effective_rank(features).item() == pytest.approx(math.exp(entropy), rel=1e-4)


def test_directions_uniform_on_the_sphere_have_spread_one():
    assert feature_spread(gaussian(5000, 128)).item() == pytest.approx(1, abs=0.01)


def test_features_that_differ_in_length_only_have_no_spread():
    lengths = torch.arange(1.0, 31)[:, None]
    assert feature_spread(lengths * gaussian(64)).item() == pytest.approx(0, abs=1e-6)


def test_two_opposite_axes_spread_as_computed_by_hand():
    """Rows (1, 0) and (0, 1): each column has standard deviation 1/2; times the root of 2."""
    assert feature_spread(torch.eye(2)).item() == pytest.approx(math.sqrt(2) / 2)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_random_start_is_healthy(name):
    encoder = create_encoder(name, seed=0)
    signs = CollapseMonitor(images(), 32, "").compute(encoder, projection_head(encoder.feature_width, seed=0), epoch=1)
    assert signs["feature_spread"] > 2 * LEAST_SPREAD
    assert signs["effective_rank"] > 2 * LEAST_RANK
    assert signs["projection_spread"] > LEAST_PROJECTION_SPREAD


def test_looking_leaves_the_encoder_as_it_was():
    encoder = create_encoder("resnet18", seed=0).train()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    watch = CollapseMonitor(images(), 32, "")
    head = projection_head(512, seed=0)
    assert watch.compute(encoder, head, epoch=0) == watch.compute(encoder, head, epoch=3)
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


class Constant(torch.nn.Linear):
    """Says the same of every image, or nothing that is a number."""

    def forward(self, images):
        return self.bias.expand(len(images), -1)


@pytest.mark.parametrize("value", [1.0, 0.0, math.nan])
def test_a_collapse_stops_the_run_from_the_second_epoch_on_and_says_what_to_change(value):
    encoder = Constant(1, 16)
    torch.nn.init.constant_(encoder.bias, value)
    watch = CollapseMonitor(images(), 32, "Lower `lr` (now 7).")
    watch.compute(encoder, torch.nn.Identity(), epoch=0)
    with pytest.raises(HilumError, match=r"epoch 2: .*collapse.*Lower `lr` \(now 7\)"):
        watch.compute(encoder, torch.nn.Identity(), epoch=1)


def test_projections_that_collapse_alone_stop_the_run_too():
    def constant(features):
        return torch.ones(len(features), 128)

    with pytest.raises(HilumError, match="projection_spread"):
        CollapseMonitor(images(), 32, "").compute(create_encoder("resnet18", seed=0), constant, epoch=1)


@pytest.mark.parametrize(("images", "watched"), [(1, 1), (63, 63), (500, 64), (3200, 200), (100_000, 512)])
def test_a_fixed_part_of_the_images_is_watched(images, watched):
    places = monitored_images(images)
    assert len(set(places)) == watched
    assert max(places) < images
