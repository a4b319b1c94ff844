import pytest
import torch

from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.errors import HilumError


def train_one_step(encoder):
    trainable = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    images = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    encoder.train()
    encoder(images).square().mean().backward()
    torch.optim.SGD(trainable, lr=0.1).step()


@pytest.mark.parametrize(
    ("unfreeze", "moving"),
    [
        (1, {"layer4"}),
        (2, {"layer3", "layer4"}),
        (4, {"layer1", "layer2", "layer3", "layer4"}),
        ("all", {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}),
    ],
)
def test_a_training_step_moves_the_last_blocks_and_nothing_of_the_frozen_ones(unfreeze, moving):
    encoder = create_encoder("resnet18", seed=0)
    before = {name: value.clone() for name, value in encoder.body.state_dict().items()}
    freeze_all_but_last(encoder, unfreeze)
    train_one_step(encoder)
    moved = {name for name, value in encoder.body.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in moved} == moving
    norm_statistics = {name.split(".")[0] for name in moved if "running_mean" in name}
    assert norm_statistics == moving - {"conv1"}


def test_unfreezing_nothing_leaves_nothing_to_train_and_all_batch_norm_in_evaluation():
    encoder = create_encoder("resnet18", seed=0)
    freeze_all_but_last(encoder, 0)
    encoder.train()
    assert count_parameters(encoder, trainable_only=True) == 0
    assert not any(module.training for module in encoder.modules() if isinstance(module, torch.nn.BatchNorm2d))


def test_freezing_can_be_taken_back():
    encoder = create_encoder("resnet18", seed=0)
    freeze_all_but_last(encoder, 0)
    freeze_all_but_last(encoder, "all")
    assert count_parameters(encoder, trainable_only=True) == count_parameters(encoder)
    assert all(module.training for module in encoder.train().modules())


@pytest.mark.parametrize("unfreeze", [-1, 5, 9])
def test_more_blocks_than_there_are_is_refused(unfreeze):
    with pytest.raises(HilumError, match=f"expected 0 to 4, or all; found {unfreeze} blocks, but resnet18 has 4"):
        freeze_all_but_last(create_encoder("resnet18", seed=0), unfreeze)
