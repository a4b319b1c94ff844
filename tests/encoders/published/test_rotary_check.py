"""The rotary embedding of a file is the encoder's, exactly or in half precision, or the file is refused."""

from pathlib import Path

import pytest
import torch

from hilum.encoders.card import Card
from hilum.encoders.families import rotary
from hilum.encoders.published import agree, check_rotary
from hilum.encoders.published.key_maps import LAYOUTS
from hilum.encoders.weights import ENCODER_WEIGHTS, load_encoder, load_weights, save_encoder, write_weights
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError

WHERE = Path("weights.pth")
PERIODS = 100 ** (torch.arange(16) / 16)


def check(body, layout, tensors):
    return check_rotary(body, LAYOUTS[layout], tensors, WHERE)


@pytest.fixture(scope="module")
def dinov3():
    return create_encoder("vit_small_patch16_dinov3", seed=0)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_rounded_periods_are_taken_as_they_are(dinov3, half):
    given = PERIODS.to(half).float()
    periods, notes = check(dinov3.body, "dinov3", {"rope_embed.periods": given})
    assert torch.equal(periods, given)
    assert list(map(str, notes)) == [
        "the rotary embedding's periods are the file's, rounded to half precision (rope_embed.periods)"
    ]
    assert check(dinov3.body, "dinov3", {"rope_embed.periods": PERIODS})[1] == []


@pytest.mark.parametrize(
    "given",
    [10_000 ** (torch.arange(16) / 16), PERIODS + 1e-3, PERIODS.flip(0), PERIODS[:8], PERIODS * float("nan")],
)
def test_periods_of_another_network_are_refused(dinov3, given):
    with pytest.raises(
        HilumError, match=r"rope_embed\.periods: .* in the file, 1, 1\.334, 1\.778, .* in the architecture"
    ):
        check(dinov3.body, "dinov3", {"rope_embed.periods": given})


def test_periods_change_the_features_and_travel_with_the_weights(tmp_path):
    encoder = create_encoder("vit_small_patch16_dinov3", seed=0).eval()
    images = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "gamma" in name:  # timm starts with branches that do next to nothing
                parameter.fill_(1)
        before = encoder(images)
        encoder.use_periods(PERIODS.bfloat16().float())
        after = encoder(images)
    assert (before - after).abs().max() > 1e-4
    card = Card(
        encoder=encoder.name, method="x", settings={}, preprocessing=[], image_size=64, mean=0.5, std=0.25, seed=0,
        split="", training_patients=[], n_training_images=0,
    )  # fmt: skip
    save_encoder(encoder, card, tmp_path / "e")
    again, _ = load_encoder(tmp_path / "e")
    with torch.no_grad():
        assert torch.equal(again.eval()(images), after)
    assert torch.equal(rotary.periods(again.body), PERIODS.bfloat16().float())


def test_weights_that_were_written_before_load_with_the_architectures_values(tmp_path):
    import safetensors.torch

    for name, since in (("vit_small_patch16_dinov3", "rotary_periods"), ("vit_tiny_patch16_224", "position_rule")):
        encoder = create_encoder(name, seed=1)
        write_weights(encoder, tmp_path / ENCODER_WEIGHTS)
        tensors = safetensors.torch.load_file(tmp_path / ENCODER_WEIGHTS)
        del tensors[since]
        safetensors.torch.save_file(tensors, tmp_path / "old.safetensors")
        from hilum.artifacts import file_sha256

        other = create_encoder(name, seed=2)
        load_weights(other, tmp_path / "old.safetensors", file_sha256(tmp_path / "old.safetensors"))
        for key, tensor in encoder.state_dict().items():
            assert torch.equal(other.state_dict()[key], tensor), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_angles_of_eva_x_are_compared(dtype):
    body = create_encoder("eva_x_tiny_patch16", seed=0).body
    own = rotary.angles(body, 14)
    named = {f"blocks.3.attn.rope.freqs_{part}": own[part].to(dtype) for part in ("sin", "cos")}
    assert check(body, "eva_x", named) == (None, [])
    swapped = {"rope.freqs_cos": own["sin"]}
    with pytest.raises(HilumError, match=r"rope\.freqs_cos \(196×64\): other angles than the architecture's"):
        check(body, "eva_x", swapped)
    with pytest.raises(HilumError, match=r"rope\.freqs_sin \(195×64\): other angles"):
        check(body, "eva_x", {"rope.freqs_sin": own["sin"][:195]})


def test_agreement_is_of_equal_shapes_and_floating_point():
    assert agree(torch.ones(3), torch.ones(3))
    assert not agree(torch.ones(3), torch.ones(4))
    assert not agree(torch.ones(3, dtype=torch.int64), torch.ones(3))
    assert not agree(torch.full((3,), 1.001), torch.ones(3))
