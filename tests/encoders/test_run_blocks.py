import pytest
import torch

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.zoo import ENCODERS, create_encoder
from hilum.training.activation_checkpointing import checkpoint_activations

MOST_PARAMETERS = 12_000_000
SMALL = [name for name in ENCODERS if ARCHITECTURES[name].parameters < MOST_PARAMETERS]
LARGER = [
    "resnet50",
    "vit_small_patch14_dinov2",
    "vit_small_patch14_reg4_dinov2",
    "vit_small_patch16_dinov3",
    "vit_small_patch16_dinov3_qkvb",
    "toh2023_unet_encoder",
]
"""Of families and variants without a small one."""
WITHOUT_BATCH_NORM = ["vit_tiny_patch16_224", "eva_x_tiny_patch16", "convnextv2_atto"]


def images_for(name, seed=0):
    known = ARCHITECTURES[name]
    shape = (1, 1, known.size, known.size) if known.fixed else (2, 1, 70, 97)  # some pad, and the grid is not square
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def opaque(encoder, images):
    """Last features as the networks' own code computes them, which knows nothing of steps; None where it pools, too."""
    body, hidden = encoder.body, encoder._normalised(images)
    match encoder.architecture.family:
        case "densenet" | "toh2023_densenet":
            return body.features(hidden)
        case "convnext":
            return body.stages(body.stem(hidden))
        case "resnet" | "toh2023_cnn" | "toh2023_resnet" | "toh2023_unet_encoder" | "toh2023_xvt":
            return body(hidden)
        case _:  # vision transformers are held against timm's and the papers' own code in families/test_vit.py
            return None


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_cut_behind_every_block_the_two_parts_are_the_whole_bit_for_bit(name):
    encoder = create_encoder(name, seed=0).eval()
    images = images_for(name)
    size = images.shape[2], images.shape[3]
    with torch.no_grad():
        whole = encoder.run_blocks(images, size)
        assert torch.equal(encoder.pooled(whole), encoder(images))
        expected = opaque(encoder, images)
        assert expected is None or torch.equal(whole, expected)
        hidden = images
        for place in range(len(encoder.blocks)):
            hidden = encoder.run_blocks(hidden, size, place, place + 1)
            assert torch.equal(encoder.run_blocks(hidden, size, place + 1), whole), place
        assert torch.equal(hidden, whole)


@pytest.mark.parametrize("name", SMALL)
def test_a_step_uses_the_parameters_of_its_own_block_and_of_no_other(name):
    encoder = create_encoder(name, seed=0).eval()
    images = images_for(name)[:1]
    size = images.shape[2], images.shape[3]
    hidden = images
    for place, block in enumerate(encoder.blocks):
        own = {id(parameter) for parameter in block.parameters()}
        behind = encoder.run_blocks(hidden, size, place, place + 1)
        behind.sum().backward()
        used = {id(parameter) for parameter in encoder.parameters() if parameter.grad is not None}
        assert used <= own, place
        encoder.zero_grad()
        hidden = behind.detach()


@pytest.mark.slow
def test_swin_of_which_the_catalogue_has_a_large_one_only_is_cut_like_the_others():
    encoder = create_encoder("swin_base_patch4_window7_224", seed=0).eval()
    images = torch.rand(1, 1, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = encoder.feature_map(images)
        for cut in (0, 1, 2, 3, 12, 23, 24, 25):
            front = encoder.run_blocks(images, (96, 64), 0, cut) if cut else images
            assert torch.equal(encoder.run_blocks(front, (96, 64), cut), whole), cut


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "toh2023_xvt"])
def test_gradients_of_unfrozen_blocks_are_those_of_the_whole_encoder(name):
    encoder = create_encoder(name, seed=0)
    images = images_for(name)
    size = images.shape[2], images.shape[3]
    freeze_all_but_last(encoder, 2)
    encoder.train()
    statistics = {key: value.clone() for key, value in encoder.state_dict().items()}
    torch.manual_seed(0)  # for the dropout of XvT
    encoder(images).square().sum().backward()
    expected = {key: value.grad for key, value in encoder.named_parameters() if value.grad is not None}
    encoder.load_state_dict(statistics)
    encoder.zero_grad()
    with torch.no_grad():
        front = encoder.run_blocks(images, size, 0, encoder.frozen_blocks)
    torch.manual_seed(0)
    encoder.pooled(encoder.run_blocks(front, size, encoder.frozen_blocks)).square().sum().backward()
    found = {key: value.grad for key, value in encoder.named_parameters() if value.grad is not None}
    assert found.keys() == expected.keys() != set()
    for key, gradient in found.items():
        assert torch.equal(gradient, expected[key]), key


@pytest.mark.parametrize("name", WITHOUT_BATCH_NORM)
def test_activations_that_are_computed_again_give_the_same_gradients_behind_a_frozen_front(name):
    encoder = create_encoder(name, seed=0).train()
    freeze_all_but_last(encoder, 3)
    images = images_for(name)
    size = images.shape[2], images.shape[3]
    front = encoder.run_blocks(images, size, 0, encoder.frozen_blocks)
    selected, gradients = [], []
    for encoders in ([], [encoder]):
        saved = []
        encoder.zero_grad()
        with checkpoint_activations(encoders):
            with torch.autograd.graph.saved_tensors_hooks(lambda t, s=saved: s.append(t.numel()) or t, lambda t: t):
                loss = encoder.pooled(encoder.run_blocks(front, size, encoder.frozen_blocks)).square().sum()
            loss.backward()
        selected.append(sum(saved))
        gradients.append([value.grad.clone() for value in encoder.parameters() if value.grad is not None])
    assert selected[1] < selected[0] / 2
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
