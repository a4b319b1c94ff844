import pytest
import torch

from hilum.encoders.weightless import weightless
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
