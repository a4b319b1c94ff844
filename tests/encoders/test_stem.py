import pytest
import timm
import torch
import torch.nn.functional as F

from hilum.encoders.stem import Stem, fold_gray, fold_gray_stem
from hilum.encoders.zoo import ENCODERS, create_encoder

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INCEPTION = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


def radiographs(side=96):
    return torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(0))


def replicated(images, normalisation):
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in normalisation)
    return (images.expand(-1, 3, -1, -1) - mean) / std


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))) * 0.1


def both_stems(name, weightless, normalisation):
    """Outputs of the stem with three channels and with one, and how many rows at each edge see the padding."""
    encoder = weightless(name)
    convolution = encoder.body.get_submodule(encoder.stem.convolution)
    out, _, *kernel = convolution.weight.shape
    tensors = {f"{encoder.stem.convolution}.weight": drawn(out, 3, *kernel) / kernel[0]}
    if encoder.stem.norm:
        assert convolution.bias is None
        tensors[f"{encoder.stem.norm}.running_mean"] = drawn(out)
    else:
        tensors[f"{encoder.stem.convolution}.bias"] = drawn(out)
    folded, mean, std = fold_gray(tensors, encoder.stem, *normalisation)

    def stem(values, images):
        options = {"stride": convolution.stride, "padding": convolution.padding}
        weight = values[f"{encoder.stem.convolution}.weight"]
        if encoder.stem.norm:  # a batch norm of variance one
            maps = F.conv2d(images, weight, None, **options)
            return maps - values[f"{encoder.stem.norm}.running_mean"][:, None, None]
        return F.conv2d(images, weight, values[f"{encoder.stem.convolution}.bias"], **options)

    edge = -(-convolution.padding[0] // convolution.stride[0])
    three = stem(tensors, replicated(radiographs(), normalisation))
    return three, stem(folded, (radiographs() - mean) / std), edge


@pytest.mark.parametrize("name", ENCODERS)
def test_the_folded_stem_is_replication_and_normalisation_inside_the_valid_region(name, weightless):
    three, one, edge = both_stems(name, weightless, IMAGENET)
    inside = slice(edge, three.shape[-1] - edge)
    torch.testing.assert_close(one[..., inside, inside], three[..., inside, inside], atol=1e-5, rtol=0)
    padded = {"resnet18", "resnet34", "resnet50", "resnet101", "densenet121", "toh2023_resnet", "toh2023_densenet"}
    assert (edge > 0) == (name in padded)
    if edge:  # zeros behind the edge stand for another gray in each channel: not exact there, and not far off
        assert 1e-3 < (one - three).abs().max() < 0.5


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "toh2023_resnet"])
def test_with_one_normalisation_for_all_channels_it_is_exact_at_the_edge_too(name, weightless):
    three, one, edge = both_stems(name, weightless, INCEPTION)
    assert edge > 0
    torch.testing.assert_close(one, three, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnextv2_atto"])
def test_folded_weights_of_a_whole_network_give_the_features_of_three_channels(name):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        theirs = timm.create_model(name, in_chans=3, num_classes=0).eval()
    ours = create_encoder(name, seed=0).eval()
    tensors, mean, std = fold_gray(theirs.state_dict(), ours.stem, *IMAGENET)
    ours.body.load_state_dict(tensors)
    ours.mean.fill_(mean)
    ours.std.fill_(std)
    with torch.no_grad():
        torch.testing.assert_close(
            ours(radiographs(224)), theirs(replicated(radiographs(224), IMAGENET)), atol=1e-5, rtol=1e-5
        )


def test_a_filter_of_three_equal_channels_keeps_its_bias():
    weight, bias = drawn(4, 1, 3, 3).expand(-1, 3, -1, -1), drawn(4)
    _, moved, _, _ = fold_gray_stem(weight, bias, *IMAGENET)
    torch.testing.assert_close(moved, bias, atol=1e-7, rtol=0)


def test_values_by_hand():
    weight = torch.tensor([2.0, 3.0, 5.0]).reshape(1, 3, 1, 1)
    folded, bias, mean, std = fold_gray_stem(weight, torch.tensor([7.0]), (0.1, 0.2, 0.3), (1.0, 0.5, 0.25))
    # at g: 2 (g - 0.1) + 6 (g - 0.2) + 20 (g - 0.3) + 7 = 28 g - 0.4
    for gray in (0.0, 0.4, 1.0):
        assert float(folded) * (gray - mean) / std + float(bias) == pytest.approx(28 * gray - 0.4, abs=1e-5)
    assert std == pytest.approx(3 / 7)  # 3 / (1 + 2 + 4)
    assert mean == pytest.approx((0.1 + 0.4 + 1.2) / 7)


def test_what_is_folded_is_a_copy():
    tensors = {"conv.weight": drawn(4, 3, 3, 3), "conv.bias": drawn(4), "other": drawn(2)}
    before = {key: tensor.clone() for key, tensor in tensors.items()}
    folded, _, _ = fold_gray(tensors, Stem("conv"), *IMAGENET)
    assert all(torch.equal(tensors[key], before[key]) for key in before)
    assert folded["conv.weight"].shape == (4, 1, 3, 3)
    assert folded["other"] is tensors["other"]
