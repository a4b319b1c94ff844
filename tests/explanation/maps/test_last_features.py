import pytest
import torch
from torch import nn

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import FAMILIES
from hilum.explanation.maps import METHODS, activations_and_gradients, logits_of_map
from hilum.explanation.methods import TRANSFORMERS

MAPS = [("resnet18", 64), ("densenet121", 64), ("convnextv2_atto", 70), ("toh2023_resnet", 64), ("toh2023_cnn", 224)]
TOKENS = [
    ("vit_tiny_patch16_224", 64),
    ("vit_small_patch14_reg4_dinov2", 56),
    ("vit_small_patch16_dinov3", 64),
    ("eva_x_tiny_patch16", 64),
    ("toh2023_xvt", 56),
]


def test_the_families_that_are_reported_to_be_transformers_give_tokens():
    assert set(FAMILIES) >= TRANSFORMERS
    smallest = {}
    for each in sorted(ARCHITECTURES.values(), key=lambda one: -one.parameters):
        smallest[each.family] = each.name
    assert set(smallest) == set(FAMILIES)
    for family, name in smallest.items():
        with weightless():
            body = FAMILIES[family].build(name)
        if family == "swin":  # does not run without weights; its blocks see windows
            assert family not in TRANSFORMERS
            continue
        side = ARCHITECTURES[name].size
        features = FAMILIES[family].encode(body.eval(), torch.zeros(1, 1, side, side, device="meta"))
        assert (features.ndim == 3) == (family in TRANSFORMERS)


@pytest.mark.parametrize(("name", "size"), MAPS)
@pytest.mark.parametrize("pooling", ["own", "gem"])
def test_scores_of_the_last_map_are_the_scores_of_the_classifier(name, size, pooling, classifier_of, images_of):
    classifier, images = classifier_of(name, size, pooling=pooling), images_of(size)
    with torch.no_grad():
        assert torch.allclose(logits_of_map(classifier, classifier.encoder.feature_map(images)), classifier(images))


@pytest.mark.parametrize(("name", "size"), [*MAPS, *TOKENS])
def test_activations_are_on_the_grid_of_the_encoder_and_move_the_scores(name, size, classifier_of, images_of):
    classifier, images = classifier_of(name, size), images_of(size)
    activations, gradients = activations_and_gradients(classifier, images, [1, 0])
    assert activations.shape[2:] == classifier.encoder.patch_grid(size)
    assert gradients.shape == (2, *activations.shape)
    assert gradients.abs().amax((1, 2, 3, 4)).min() > 0
    assert all(parameter.requires_grad and parameter.grad is None for parameter in classifier.parameters())


@pytest.mark.parametrize(("name", "size"), [("convnextv2_atto", 64), ("vit_tiny_patch16_224", 64)])
def test_a_gradient_is_how_fast_the_score_moves(name, size, classifier_of, images_of):
    classifier, images = classifier_of(name, size), images_of(size, 1)
    activations, gradients = activations_and_gradients(classifier, images, [1])
    along, step = torch.randn(activations.shape, generator=torch.Generator().manual_seed(3)), 0.02

    def score(by):
        moved = activations + by * along
        if name.startswith("conv"):
            return logits_of_map(classifier, moved)[0, 1]
        *_, last = classifier.encoder.body.blocks.children()
        tokens = moved.flatten(2).transpose(1, 2)
        handle = last.register_forward_pre_hook(lambda module, given: (torch.cat([given[0][:, :1], tokens], 1),))
        logits = classifier(images)
        handle.remove()
        return logits[0, 1]

    with torch.no_grad():
        slope = (score(step) - score(-step)) / (2 * step)
    assert slope.item() == pytest.approx((gradients[0] * along).sum().item(), rel=0.01)


class OneSharedPlace(nn.Module):
    """A transformer block whose answer is known: every token takes half of token `place`."""

    def __init__(self, place):
        super().__init__()
        self.place = place

    def forward(self, tokens):
        return tokens + 0.5 * tokens[:, self.place : self.place + 1]


@pytest.mark.parametrize("method", METHODS)
def test_a_transformer_that_reads_one_place_is_seen_to_read_it(method, classifier_of, images_of):
    # The class token is the feature and takes 1/2 of token 6 (place 5 of 16) in the last block; every block before
    # leaves tokens as they are. So d logit / d token = head weight / 2 there, and 0 elsewhere.
    classifier, images = classifier_of("vit_tiny_patch16_224", 64), images_of(64)
    body = classifier.encoder.body
    body.blocks = nn.Sequential(nn.Identity(), OneSharedPlace(6))
    body.norm = nn.Identity()
    activations, gradients = activations_and_gradients(classifier, images, [0])
    weight = classifier.head.weight[0].detach()
    expected = torch.zeros(2, 192, 16)
    expected[:, :, 5] = weight / 2
    assert torch.allclose(gradients[0].flatten(2), expected, atol=1e-6)
    if method != "gradcam":  # which averages a gradient over all places, and so cannot tell this one
        held = METHODS["layercam"](activations, gradients[0]).flatten(1)
        assert torch.count_nonzero(held[:, :5]) == torch.count_nonzero(held[:, 6:]) == 0
        by_hand = (activations.flatten(2)[:, :, 5] * (weight / 2).relu()).sum(1).relu()
        assert torch.allclose(held[:, 5], by_hand, atol=1e-6)


def test_grad_cam_of_a_transformer_with_known_tokens_is_what_comes_out_by_hand(classifier_of, images_of):
    # Identity blocks, and a class token that is the mean of all tokens of the last block: the gradient is w / 17.
    class MeanOfAll(nn.Module):
        def forward(self, tokens):
            return torch.cat([tokens.mean(1, keepdim=True), tokens[:, 1:]], 1)

    classifier, images = classifier_of("vit_tiny_patch16_224", 64), images_of(64)
    body = classifier.encoder.body
    body.blocks, body.norm = nn.Sequential(nn.Identity(), MeanOfAll()), nn.Identity()
    activations, gradients = activations_and_gradients(classifier, images, [1])
    weight = classifier.head.weight[1].detach()
    expected = torch.einsum("c,bchw->bhw", weight / 17, activations).relu()
    assert torch.allclose(METHODS["gradcam"](activations, gradients[0]), expected, atol=1e-6)


def test_a_network_that_scores_one_place_of_its_map_is_seen_to_look_there(classifier_of, images_of):
    class OnePlace(nn.Module):
        parts = 1

        def forward(self, tokens):
            return tokens[:, 2:3]

    classifier, images = classifier_of("resnet18", 64), images_of(64)
    classifier.pooling = OnePlace()
    activations, gradients = activations_and_gradients(classifier, images, [0])
    assert torch.count_nonzero(gradients[0][:, :, 0]) == 0
    assert torch.allclose(gradients[0][:, :, 1, 0], classifier.head.weight[0].detach().expand(2, -1))
    layer = METHODS["layercam"](activations, gradients[0])
    assert torch.count_nonzero(layer.flatten(1)[:, [0, 1, 3]]) == 0
    assert layer[:, 1, 0].min() > 0
