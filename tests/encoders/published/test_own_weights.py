"""Checkpoints that are in no table start an arm, with what they were trained on as somebody reported."""

import pytest
import timm
import torch

from hilum.data.patients import pseudonymised_names
from hilum.encoders.published import StatedWeights, describe_weights, import_own
from hilum.encoders.statements import Statement
from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError

UNKNOWN = Statement(certainty="unknown", source="reported")


@pytest.fixture(scope="module")
def resnet18():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return timm.create_model("resnet18", num_classes=3).eval()


def test_a_lightly_checkpoint_gives_the_features_of_its_backbone(resnet18, tmp_path):
    backbone = torch.nn.Sequential(*list(resnet18.children())[:-2])  # without pooling and classifier
    state = {f"backbone.{key}": tensor for key, tensor in backbone.state_dict().items()}
    state |= {"projection_head.layers.0.weight": torch.ones(4, 512)}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "last.ckpt")
    reported = StatedWeights(
        encoder="resnet18", layout="torchvision_children", prefix="state_dict.backbone.", mean=(0.5,), std=(0.2,),
        method="simclr", training_patients=["ours:7"],
    )  # fmt: skip
    directory, report = import_own(tmp_path / "last.ckpt", reported, weights_dir=tmp_path / "w")
    assert directory.parent == tmp_path / "w" / "own"
    assert report.dropped == {"without the prefix state_dict.backbone.": 1}
    encoder, card = load_encoder(directory)
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = resnet18.forward_features(((images - 0.5) / 0.2).expand(-1, 3, -1, -1)).mean((2, 3))
        torch.testing.assert_close(encoder.eval()(images), expected, rtol=1e-4, atol=1e-4)
    assert (card.method, card.starts_from, card.training_patients) == (
        "simclr",
        "not stated",
        pseudonymised_names(["ours:7"]),
    )
    assert describe_weights(directory, "resnet18").training_patients == pseudonymised_names(["ours:7"])


def test_a_classifier_is_left_out_and_normalisation_that_was_not_stated_is_reported(resnet18, tmp_path):
    torch.save(resnet18.state_dict(), tmp_path / "a.pth")
    reported = StatedWeights(encoder="resnet18", layout="torchvision", statements=[UNKNOWN])
    directory, report = import_own(tmp_path / "a.pth", reported, out=tmp_path / "out")
    assert directory == tmp_path / "out"
    assert report.dropped == {"the classifier of the original task": 2}
    assert "normalised as ImageNet, since nothing else was stated (mean 0.485 0.456 0.406)" in map(str, report.notes)
    assert load_encoder(directory)[1].statements == [UNKNOWN]


def test_one_channel_needs_its_normalisation(tmp_path):
    torch.save(timm.create_model("resnet18", in_chans=1, num_classes=0).state_dict(), tmp_path / "gray.pth")
    reported = StatedWeights(encoder="resnet18", layout="timm")
    with pytest.raises(HilumError, match="expected --mean and --std; found one or neither"):
        import_own(tmp_path / "gray.pth", reported, weights_dir=tmp_path / "w")
    with pytest.raises(HilumError, match="--mean and --std of 1 channels; found 3 and 3"):
        import_own(
            tmp_path / "gray.pth",
            StatedWeights(encoder="resnet18", layout="timm", mean=(0.1, 0.2, 0.3), std=(1, 1, 1)),
            weights_dir=tmp_path / "w",
        )
    assert not (tmp_path / "w").exists()
    reported = StatedWeights(encoder="resnet18", layout="timm", mean=(0.4,), std=(0.3,), image_size=128)
    encoder, card = load_encoder(import_own(tmp_path / "gray.pth", reported, weights_dir=tmp_path / "w")[0])
    assert (float(encoder.mean), float(encoder.std), card.image_size) == pytest.approx((0.4, 0.3, 128))


@pytest.mark.parametrize(
    ("reported", "message"),
    [
        (StatedWeights(encoder="resnet18", layout="torchvison"), "expected one of torchvision, "),
        (StatedWeights(encoder="resnet19", layout="torchvision"), "The nearest names: resnet"),
        (
            StatedWeights(encoder="resnet18", layout="torchvision", prefix="backbone."),
            r"expected keys that begin with backbone\.",
        ),
        (StatedWeights(encoder="resnet50", layout="torchvision"), r"missing: layer1\.0\.conv3\.weight"),
        (StatedWeights(encoder="resnet18", layout="torchvision", mean=(0.5,), std=(0.0,)), "not all above 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(resnet18, tmp_path, reported, message):
    torch.save(resnet18.state_dict(), tmp_path / "a.pth")
    with pytest.raises(HilumError, match=message):
        import_own(tmp_path / "a.pth", reported, weights_dir=tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_a_run_of_dinov2_starts_an_arm(tmp_path, published_shapes, fill):
    torch.save(fill(published_shapes["dinov2_checkpoint"]()), tmp_path / "teacher_checkpoint.pth")
    reported = StatedWeights(encoder="vit_small_patch14_dinov2", layout="dinov2_checkpoint", statements=[UNKNOWN])
    directory, report = import_own(tmp_path / "teacher_checkpoint.pth", reported, weights_dir=tmp_path)
    assert report.dropped["projection head of DINO's or iBOT's loss"] == 4
    assert load_encoder(directory)[1].settings["file"] == "teacher_checkpoint.pth"
