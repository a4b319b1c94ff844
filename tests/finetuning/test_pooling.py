import math

import pytest
import torch

from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.pooling import make_pooling


@pytest.fixture(scope="module")
def vit():
    return create_encoder("vit_tiny_patch16_224", seed=0)


@pytest.fixture(scope="module")
def registers():
    with weightless():
        return create_encoder("vit_small_patch14_reg4_dinov2", seed=0)


def tokens(places=6, width=192, prefix=1):
    return torch.randn(2, prefix + places, width, generator=torch.Generator().manual_seed(places))


def test_the_own_pooling_is_the_encoders(vit):
    assert make_pooling("own", vit) is None


def test_class_token_mean_and_both_by_hand(vit):
    given = tokens()
    mean = sum(given[:, place] for place in range(1, 7)) / 6
    torch.testing.assert_close(make_pooling("cls", vit)(given), given[:, :1])
    torch.testing.assert_close(make_pooling("mean", vit)(given)[:, 0], mean)
    both = make_pooling("cls_mean", vit)
    torch.testing.assert_close(both(given), torch.stack([given[:, 0], mean], dim=1))
    assert both.parts == 2


def test_registers_do_not_count(registers):
    given = tokens(width=384, prefix=5)
    other = given.clone()
    other[:, 1:5] = 100
    for name in ("cls", "mean", "cls_mean", "gem"):
        pooling = make_pooling(name, registers)
        if name == "gem":
            pooling.power = torch.nn.Parameter(torch.tensor(3.0))  # the fixture has no numbers
        torch.testing.assert_close(pooling(other), pooling(given))


def test_generalised_mean_is_mean_at_one_near_the_maximum_at_many_and_by_hand_at_three(vit):
    gem, given = make_pooling("gem", vit), tokens().abs() + 0.01
    places = given[:, 1:]
    by_hand = (sum(places[:, place] ** 3 for place in range(6)) / 6) ** (1 / 3)
    assert gem.power == 3.0
    torch.testing.assert_close(gem(given)[:, 0], by_hand)
    gem.power.data.fill_(1.0)
    torch.testing.assert_close(gem(given)[:, 0], places.mean(1))
    gem.power.data.fill_(200.0)
    torch.testing.assert_close(gem(given)[:, 0], places.amax(1), rtol=0.02, atol=0)


def test_generalised_mean_has_a_gradient_where_features_are_zero_or_negative(vit):
    gem, given = make_pooling("gem", vit), tokens().clamp(max=0).requires_grad_()
    gem(given).sum().backward()
    assert given.grad.isfinite().all()
    assert gem.power.grad.isfinite()


@torch.no_grad()
def test_attention_by_hand(vit):
    attention, given = make_pooling("attention", vit), tokens()
    pooled = attention(given)
    for image in range(2):
        scores = [
            float(attention.query @ (attention.key.weight @ given[image, 1 + k])) / math.sqrt(192) for k in range(6)
        ]
        weights = [math.exp(score) / sum(map(math.exp, scores)) for score in scores]
        by_hand = sum(weight * attention.value(given[image, 1 + k]) for k, weight in enumerate(weights))
        torch.testing.assert_close(pooled[image, 0], by_hand, atol=1e-5, rtol=1e-5)


def test_attention_without_a_preference_is_the_mean(vit):
    attention, given = make_pooling("attention", vit), tokens()
    attention.query.data.zero_()
    torch.testing.assert_close(attention(given)[:, 0], attention.value(given[:, 1:]).mean(1))


@pytest.mark.parametrize("name", ["cls", "cls_mean"])
def test_a_class_token_that_is_not_there_is_refused(name):
    with weightless():
        encoder = create_encoder("resnet18", seed=0)
    with pytest.raises(HilumError, match=f"an encoder with a class token; found {name} with resnet18, which has none"):
        make_pooling(name, encoder)
