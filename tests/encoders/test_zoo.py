import pytest
import torch

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.zoo import ENCODERS, count_parameters, create_encoder
from hilum.errors import HilumError


def convolution(out, inside, kernel):
    return out * inside * kernel * kernel


def norm(channels):
    return 2 * channels


def resnet18_parameters(channels_in):
    """He et al., CVPR 2016, Table 1: a 7x7 stem, four stages of two basic blocks, 1x1 shortcuts where it widens."""
    total = convolution(64, channels_in, 7) + norm(64)
    width = 64
    for planes in (64, 128, 256, 512):
        for block in range(2):
            total += convolution(planes, width, 3) + convolution(planes, planes, 3) + 2 * norm(planes)
            if block == 0 and width != planes:
                total += convolution(planes, width, 1) + norm(planes)
            width = planes
    return total


def resnet50_parameters(channels_in):
    """He et al., CVPR 2016, Table 1: bottlenecks of 1x1, 3x3, 1x1, four times as wide behind."""
    total = convolution(64, channels_in, 7) + norm(64)
    width = 64
    for planes, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            total += convolution(planes, width, 1) + convolution(planes, planes, 3) + convolution(4 * planes, planes, 1)
            total += 2 * norm(planes) + norm(4 * planes)
            if block == 0:
                total += convolution(4 * planes, width, 1) + norm(4 * planes)
            width = 4 * planes
    return total


def test_resnet18_and_resnet50_have_the_parameters_of_the_paper_with_one_input_channel():
    # 11,176,512 and 23,508,032 are timm's and torchvision's counts with three channels and no classifier
    assert resnet18_parameters(3) == 11_176_512
    assert resnet50_parameters(3) == 23_508_032
    assert count_parameters(create_encoder("resnet18", seed=0)) == resnet18_parameters(1) == 11_170_240
    assert count_parameters(create_encoder("resnet50", seed=0)) == resnet50_parameters(1) == 23_501_760


@pytest.mark.parametrize("name", ENCODERS)
def test_the_catalogue_knows_parameters_and_blocks_of_every_encoder(name):
    encoder = create_encoder(name, seed=0)
    assert ARCHITECTURES[name].parameters == count_parameters(encoder)
    assert ARCHITECTURES[name].blocks == len(encoder.blocks) - 1


def test_weights_depend_on_the_seed_alone_and_the_callers_generator_does_not_move():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = create_encoder("resnet18", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, other = create_encoder("resnet18", seed=1), create_encoder("resnet18", seed=2)
    for (name, weight), same in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(weight, same), name
    assert not torch.equal(first.body.conv1.weight, other.body.conv1.weight)


def test_images_are_normalised_inside_and_features_are_the_mean_over_the_map():
    encoder = create_encoder("resnet18", seed=0).eval()
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    maps = encoder.body((images - 0.5) / 0.25)
    assert maps.shape == (2, 512, 2, 2)
    by_hand = (maps[:, :, 0, 0] + maps[:, :, 0, 1] + maps[:, :, 1, 0] + maps[:, :, 1, 1]) / 4
    torch.testing.assert_close(encoder(images), by_hand)
    assert encoder.feature_width == 512


def test_features_are_float32_also_under_autocast():
    encoder = create_encoder("resnet18", seed=0).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert encoder(torch.rand(1, 1, 32, 32)).dtype == torch.float32


def test_blocks_hold_every_parameter_once_from_the_stem_on():
    encoder = create_encoder("resnet50", seed=0)
    in_blocks = [parameter for block in encoder.blocks for parameter in block.parameters()]
    assert [id(parameter) for parameter in in_blocks] == [id(parameter) for parameter in encoder.parameters()]


def test_mean_and_standard_deviation_travel_with_the_weights():
    assert {"mean", "std"} < set(create_encoder("resnet18", seed=0).state_dict())


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(HilumError, match=r"expected one of resnet18, resnet50; found resnet-18"):
        create_encoder("resnet-18", seed=0)
