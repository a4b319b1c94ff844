import pytest
import torch

from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import ENCODERS, count_parameters, create_encoder
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


@pytest.mark.parametrize(
    ("name", "tried"),
    [
        ("resnet50", 4),
        ("vit_small_patch16_224", 6),
        ("convnextv2_atto", 6),
        ("vit_small_patch14_dinov2", 6),
        ("densenet121", 4),
    ],
)
def test_the_blocks_of_tables_2_to_6_of_elwirehardja_can_be_unfrozen_one_by_one(name, tried, weightless):
    encoder = weightless(name)
    sizes = [count_parameters(block) for block in encoder.blocks]
    assert tried in (4, len(sizes[1:]) // 2)  # all stages, or half of the blocks
    for unfreeze in range(tried + 1):
        freeze_all_but_last(encoder, unfreeze)
        assert count_parameters(encoder, trainable_only=True) == sum(sizes[len(sizes) - unfreeze :])
    freeze_all_but_last(encoder, "all")


@pytest.mark.parametrize("name", ENCODERS)
def test_unfreezing_every_block_leaves_the_stem_frozen_and_all_trains_it_too(name, weightless):
    encoder = weightless(name)
    stem = count_parameters(encoder.blocks[0])
    freeze_all_but_last(encoder, len(encoder.blocks) - 1)
    assert count_parameters(encoder, trainable_only=True) == count_parameters(encoder) - stem
    freeze_all_but_last(encoder, "all")
    assert count_parameters(encoder, trainable_only=True) == count_parameters(encoder)


def test_a_training_step_of_a_vit_moves_the_last_block_and_the_norm_only():
    encoder = create_encoder("vit_tiny_patch16_224", seed=0)
    before = {name: value.clone() for name, value in encoder.body.state_dict().items()}
    freeze_all_but_last(encoder, 1)
    train_one_step(encoder)
    moved = {name for name, value in encoder.body.state_dict().items() if not torch.equal(value, before[name])}
    assert {name for name in moved if not name.startswith("blocks.11.")} == {"norm.weight", "norm.bias"}
    assert "blocks.11.attn.qkv.weight" in moved


def test_a_frozen_encoder_of_transformer_blocks_with_dropout_and_batch_norm_repeats_itself_in_training():
    encoder = create_encoder("toh2023_xvt", seed=0)
    freeze_all_but_last(encoder, 0)
    encoder.train()
    images = torch.rand(2, 1, 56, 56, generator=torch.Generator().manual_seed(0))
    statistics = {name: value.clone() for name, value in encoder.body.state_dict().items()}
    assert torch.equal(encoder(images), encoder(images))
    assert all(torch.equal(value, statistics[name]) for name, value in encoder.body.state_dict().items())
