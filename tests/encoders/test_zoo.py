import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.zoo import ENCODERS, count_parameters, create_encoder
from hilum.errors import HilumError

SMALL = ["resnet18", "toh2023_densenet", "convnextv2_atto", "vit_tiny_patch16_224", "eva_x_tiny_patch16", "toh2023_xvt"]
ONE_OF_EACH_FAMILY = [
    *SMALL,
    "densenet121",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_dinov3",
    "swin_base_patch4_window7_224",
    "toh2023_resnet",
]


def radiographs(side):
    return torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0))


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
def test_the_catalogue_knows_parameters_blocks_and_width_of_every_encoder(name, weightless):
    encoder = weightless(name)
    known = ARCHITECTURES[name]
    assert known.parameters == count_parameters(encoder)
    assert known.blocks == len(encoder.blocks) - 1
    if hasattr(encoder.body, "num_features"):
        assert known.feature_width == encoder.token_width == encoder.body.num_features


@pytest.mark.parametrize("name", ENCODERS)
def test_every_parameter_of_every_encoder_is_in_exactly_one_block(name, weightless):
    encoder = weightless(name)
    in_blocks = [id(parameter) for block in encoder.blocks for parameter in block.parameters()]
    assert sorted(in_blocks) == sorted(id(parameter) for parameter in encoder.parameters())


@pytest.mark.parametrize("name", ONE_OF_EACH_FAMILY)
def test_images_of_64_to_518_px_give_a_token_for_each_place_of_the_patch_grid(name, weightless):
    encoder = weightless(name)
    for height, width in ((64, 97), (518, 518)):
        with torch.device("meta"):
            images = torch.zeros(1, 1, height, width)
            tokens = encoder.tokens(images)
        rows, columns = encoder.patch_grid((height, width))
        assert tokens.shape == (1, encoder.prefix_tokens + rows * columns, encoder.token_width)
        if ARCHITECTURES[name].fills > 1:
            assert (rows, columns) == (-(-height // encoder.patch), -(-width // encoder.patch))


@pytest.mark.parametrize("name", ["resnet18", "convnextv2_atto", "vit_tiny_patch16_224", "toh2023_cnn"])
def test_gigaflops_are_those_that_torch_counts(name, weightless):
    encoder = weightless(name)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        encoder(torch.zeros(1, 1, 224, 224))
    assert counter.get_total_flops() / 1e9 == pytest.approx(ARCHITECTURES[name].gigaflops, abs=0.006)


@pytest.mark.parametrize("name", SMALL)
def test_tokens_and_feature_map_are_the_same_places_and_the_pooled_feature_is_theirs(name):
    encoder = create_encoder(name, seed=0).eval()
    images = radiographs(96)
    with torch.no_grad():
        tokens, maps, pooled = encoder.tokens(images), encoder.feature_map(images), encoder(images)
    places = tokens[:, encoder.prefix_tokens :]
    assert torch.equal(maps.flatten(2).transpose(1, 2), places)
    assert maps.shape[2:] == encoder.patch_grid(96)
    assert pooled.shape == (2, ARCHITECTURES[name].feature_width)
    own = tokens[:, 0] if encoder.family.pooling == "cls" else encoder.norm_pooled(places.mean(1))
    torch.testing.assert_close(pooled, own, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["convnextv2_atto", "vit_tiny_patch16_224", "eva_x_tiny_patch16", "toh2023_xvt"])
def test_an_image_that_does_not_fill_its_patches_is_continued_in_mean_gray(name):
    encoder = create_encoder(name, seed=0).eval()
    small = radiographs(90)
    side = ARCHITECTURES[name].padded(90)
    padded = torch.full((2, 1, side, side), float(encoder.mean))
    padded[:, :, :90, :90] = small
    with torch.no_grad():
        torch.testing.assert_close(encoder(small), encoder(padded), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["resnet101", "swin_base_patch4_window7_224", "toh2023_cnn", "toh2023_unet_encoder"])
def test_the_feature_of_an_image_of_224_px_is_as_long_as_the_catalogue_says(name, weightless):
    with torch.device("meta"):
        features = weightless(name)(torch.zeros(2, 1, 224, 224))
    assert features.shape == (2, ARCHITECTURES[name].feature_width)


@pytest.mark.parametrize("name", ["toh2023_cnn", "toh2023_unet_encoder"])
def test_an_architecture_whose_feature_is_its_whole_map_takes_one_size_only(name, weightless):
    with pytest.raises(HilumError, match=f"size of images for {name}: expected 224 px only; found 256 px"):
        create_encoder(name, seed=0, image_size=256)
    with pytest.raises(HilumError, match="found 64 px"), torch.device("meta"):
        weightless(name)(torch.zeros(1, 1, 64, 64))


def test_images_smaller_than_a_patch_are_refused():
    with pytest.raises(HilumError, match="expected from 16 px, padded to n · 16; found 8 px"):
        create_encoder("vit_tiny_patch16_224", seed=0, image_size=8)


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


@pytest.mark.parametrize("name", SMALL)
def test_features_are_float32_also_under_autocast(name):
    encoder = create_encoder(name, seed=0).eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert encoder(torch.rand(1, 1, 32, 32)).dtype == torch.float32


def test_mean_and_standard_deviation_travel_with_the_weights():
    assert {"mean", "std"} < set(create_encoder("resnet18", seed=0).state_dict())


def test_an_unknown_name_is_refused_with_the_nearest_known_ones():
    with pytest.raises(HilumError, match=r"`hilum encoders` lists; found resnet-18. The nearest names: resnet18"):
        create_encoder("resnet-18", seed=0)
