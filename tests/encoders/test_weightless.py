import pytest
import torch

from hilum.encoders.weightless import undrawn, weightless
from hilum.encoders.zoo import create_encoder


@pytest.mark.parametrize("name", ["resnet18", "convnextv2_atto", "vit_tiny_patch16_224", "toh2023_xvt"])
def test_shapes_types_and_names_are_those_of_the_network_and_no_number_is_drawn(name):
    expected = create_encoder(name, seed=0).state_dict()
    before = torch.get_rng_state()
    with weightless():
        encoder = create_encoder(name, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    found = encoder.state_dict()
    assert [(key, value.shape, value.dtype) for key, value in found.items()] == [
        (key, value.shape, value.dtype) for key, value in expected.items()
    ]
    assert all(value.is_meta for value in encoder.parameters())


def test_tensors_with_numbers_are_filled():
    numbers = torch.ones(3)
    with weightless():
        numbers.add_(1)
        nothing = torch.ones(3).add_(1)
    assert numbers.tolist() == [2, 2, 2]
    assert nothing.is_meta


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "convnextv2_atto", "vit_tiny_patch16_224", "toh2023_xvt"])
def test_a_network_whose_weights_are_read_afterwards_is_the_one_that_was_written(name):
    expected = create_encoder(name, seed=3)
    before = torch.get_rng_state()
    with undrawn():
        encoder = create_encoder(name, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    encoder.load_state_dict(expected.state_dict())
    found = dict([*encoder.named_parameters(), *encoder.named_buffers()])  # those that are not written, too
    numbers = dict([*expected.named_parameters(), *expected.named_buffers()])
    assert list(found) == list(numbers)
    assert all(torch.equal(found[key], numbers[key]) for key in numbers)


def test_no_weight_is_drawn():
    with undrawn():
        layer = torch.nn.Linear(3, 2)
        torch.nn.init.zeros_(layer.weight)
        for draw in (torch.nn.init.kaiming_uniform_, torch.nn.init.kaiming_normal_, torch.nn.init.normal_):
            draw(layer.weight)
        torch.nn.init.trunc_normal_(layer.weight)
    assert layer.weight.count_nonzero() == 0
