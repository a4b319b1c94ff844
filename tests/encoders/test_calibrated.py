import pytest
import torch

from hilum.encoders.calibrated import calibrated_random
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError


def pool(batches):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(4, 1, 32, 32, generator=generator) for _ in range(batches)]


def test_residual_branches_are_on_where_the_default_has_them_off():
    default = create_encoder("resnet18", seed=3)
    calibrated = calibrated_random("resnet18", seed=3, images=pool(1))
    assert default.body.layer4[1].bn2.weight.abs().sum() == 0
    assert (calibrated.body.layer4[1].bn2.weight == 1).all()
    assert torch.equal(default.body.layer4[1].conv2.weight, calibrated.body.layer4[1].conv2.weight)


def test_first_batch_norm_has_the_mean_over_batches_of_what_the_stem_computes():
    batches = pool(3)
    encoder = calibrated_random("resnet18", seed=0, images=batches)
    stem = [encoder.body.conv1((batch - 0.5) / 0.25).transpose(0, 1).flatten(1) for batch in batches]
    torch.testing.assert_close(encoder.body.bn1.running_mean, torch.stack([s.mean(1) for s in stem]).mean(0))
    torch.testing.assert_close(encoder.body.bn1.running_var, torch.stack([s.var(1) for s in stem]).mean(0))


def test_a_layer_behind_the_first_sees_the_pool_standardised_in_evaluation_too():
    (batch,) = pool(1)
    encoder = calibrated_random("resnet18", seed=0, images=[batch])
    seen = {}
    encoder.body.layer1[0].bn1.register_forward_hook(lambda module, given, out: seen.update(out=out.clone()))
    encoder(batch)
    channels = seen["out"].transpose(0, 1).flatten(1)
    # not exactly 0 and 1: statistics hold the unbiased variance, training normalises by the biased one
    torch.testing.assert_close(channels.mean(1), torch.zeros(64), atol=0.02, rtol=0)
    torch.testing.assert_close(channels.var(1), torch.ones(64), atol=0.02, rtol=0)


def test_it_trains_on_with_the_usual_momentum_and_comes_in_evaluation_mode():
    encoder = calibrated_random("resnet18", seed=0, images=pool(1))
    assert encoder.body.bn1.momentum == 0.1
    assert not encoder.training


@pytest.mark.parametrize("name", ["toh2023_densenet", "toh2023_resnet", "toh2023_xvt", "densenet121"])
def test_every_architecture_with_batch_norm_is_calibrated(name):
    encoder = calibrated_random(name, seed=0, images=pool(2))
    norms = {key: m for key, m in encoder.body.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    assert norms
    for key, norm in norms.items():
        assert norm.num_batches_tracked == 2, key
        assert norm.running_mean.isfinite().all(), key
        assert norm.running_mean.abs().max() > 0, key
    assert torch.equal(encoder(pool(1)[0]), encoder(pool(1)[0]))


def test_dropout_does_not_spoil_the_statistics():
    first, again = (calibrated_random("toh2023_xvt", seed=0, images=pool(1)).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnextv2_atto", "swin_base_patch4_window7_224"])
def test_an_architecture_without_batch_norm_is_refused(name):
    with (
        torch.device("meta"),
        pytest.raises(HilumError, match=f"architecture with batch norm; found {name}, which has"),
    ):
        calibrated_random(name, seed=0, images=[])
