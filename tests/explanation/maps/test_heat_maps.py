from copy import deepcopy
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from hilum.errors import HilumError
from hilum.explanation.maps import HeatMaps, covered
from hilum.explanation.maps.heat_maps import heat_maps
from hilum.explanation.methods import FOR_NO_FINDING, HeatMapMethod

METHODS = get_args(HeatMapMethod)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_maps_of_a_transformer(method, classifier_of, images_of):
    size = 42
    found = heat_maps(classifier_of("toh2023_xvt", size), images_of(size), [1, 0], method)
    assert found.maps.shape[:2] == (2, 2)
    assert found.maps.min() >= 0
    assert found.maps.max() > 0
    assert torch.equal(found.maps[:, 0], found.maps[:, 1]) == (method in FOR_NO_FINDING)
    assert found.on_image(size).shape == (2, 2, size, size)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "layercam", "rollout", "attention"])
def test_a_batch_gives_what_single_images_give(method, classifier_of, images_of):
    classifier, images = classifier_of("vit_tiny_patch16_224", 64), images_of(64, 3)
    together = heat_maps(classifier, images, [0], method).maps
    alone = torch.cat([heat_maps(classifier, image[None], [0], method).maps for image in images])
    assert torch.allclose(together, alone, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "densenet121"])
def test_grad_cam_of_a_network_that_pools_by_the_mean_is_its_class_activation_map(name, classifier_of, images_of):
    # Zhou et al. 2016: of pooled features and a linear head the map is known, sum_c w_c A_c, whatever the network is;
    # the gradient of the score is w_c / places everywhere.
    classifier, images = classifier_of(name, 96), images_of(96)
    found = heat_maps(classifier, images, [1], "gradcam").maps[:, 0]
    with torch.no_grad():
        features = classifier.encoder.feature_map(images)
        known = torch.einsum("c,bchw->bhw", classifier.head.weight[1], features).relu() / features[0, 0].numel()
        of_the_other = torch.einsum("c,bchw->bhw", classifier.head.weight[0], features).relu() / features[0, 0].numel()
    assert known.max() > 0
    assert torch.allclose(found, known, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(found, of_the_other, atol=1e-5, rtol=1e-2)


def test_an_order_of_findings_is_kept(classifier_of, images_of):
    classifier, images = classifier_of("resnet18", 64), images_of(64)
    both = heat_maps(classifier, images, [0, 1], "gradcam").maps
    assert torch.equal(both.flip(1), heat_maps(classifier, images, [1, 0], "gradcam").maps)
    assert not torch.equal(both[:, 0], both[:, 1])


def test_upsampling_is_bilinear():
    maps = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(maps, (32, 32), mode="bilinear", align_corners=False)
    assert torch.allclose(HeatMaps(maps, 0.0, 1.0).on_image(32), expected, atol=1e-6)


def test_what_was_padded_is_cut_off(classifier_of, images_of):
    # 60 px become 64 for patches of 16: the last patch lies half beyond the image
    found = heat_maps(classifier_of("vit_tiny_patch16_224", 60), images_of(60), [0], "layercam")
    assert (found.start, found.end) == (0.0, 64 / 60)
    whole = F.interpolate(found.maps, (64, 64), mode="bilinear", align_corners=False)
    assert torch.allclose(found.on_image(60), whole[:, :, :60, :60], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("resnet18", 192),
        ("densenet121", 160),
        ("convnextv2_atto", 192),
        ("toh2023_resnet", 192),
        ("toh2023_cnn", 224),
        ("toh2023_unet_encoder", 224),
    ],
)
def test_a_place_is_where_the_network_looks_for_it(name, size, encoder_of, images_of):
    """Gray values that move a place in the middle of the map lie around the middle of that place."""
    encoder = deepcopy(encoder_of(name)).eval()
    for module in encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)  # zero at first in residual branches
    image = images_of(size, 1).requires_grad_()
    features = encoder.feature_map(image)
    cell = features.shape[2] // 2
    mixed = features[0, :, cell, cell] @ torch.randn(features.shape[1], 2, generator=torch.Generator().manual_seed(0))
    energy = sum(torch.autograd.grad(each, image, retain_graph=True)[0][0, 0] ** 2 for each in mixed)
    centres = torch.arange(size) + 0.5
    looked_at = [(energy.sum(axis) * centres).sum() / energy.sum() for axis in (0, 1)]
    start, end = covered(encoder, size)
    place = size * (start + (cell + 0.5) * (end - start) / features.shape[2])
    assert [each.item() for each in looked_at] == pytest.approx([place, place], abs=0.2 * encoder.patch)


def test_a_method_without_meaning_is_refused(classifier_of, images_of):
    with pytest.raises(HilumError, match="found convnextv2_atto"):
        heat_maps(classifier_of("convnextv2_atto", 64), images_of(64), [0], "attention")
    with pytest.raises(HilumError, match="expected one of gradcam, gradcam\\+\\+"):
        heat_maps(classifier_of("convnextv2_atto", 64), images_of(64), [0], "saliency")
