"""Training on the device against training on the CPU, and a killed run against a whole one."""

from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from hilum.augment import plain_view
from hilum.data.batches import Batches
from hilum.encoders.zoo import create_encoder
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings

METHODS = ["simclr", "mocov2", "swav", "dino", "dinov2", "fcmae", "classifier"]


def run(runs, name, device, directory, on_progress=lambda *_: None, epochs=2, **changed):
    case = replace(runs["CASES"][name], images=16)
    store = runs["images"](case.images, case.size)
    batches: Batches = runs["batches_of"](
        case, store, store.image_ids, 8, 0, shuffle=True, drop_last=True, device=device
    )
    trainable = runs["trainable_of"](case, store, epochs * len(batches))
    directory.mkdir(exist_ok=True)
    settings = TrainingSettings(
        **{"epochs": epochs, "lr": 1e-4, "precision": "fp32", "device": device.type, "compile": "off"} | changed
    )
    fitted = fit(trainable, batches, settings=settings, directory=directory, on_progress=on_progress)
    return fitted.curves, {name: value.cpu() for name, value in trainable.state_dict().items()}


def losses(runs, name, device, directory, **changed):
    return run(runs, name, device, directory, **changed)[0]["train_loss"].to_list()


@pytest.mark.gpu
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("how", "tolerance"),
    [
        ({"precision": "fp32"}, 2e-3),
        ({"precision": "bf16"}, 5e-2),
        ({"precision": "fp16"}, 5e-2),
        ({"precision": "bf16", "compile": "on"}, 5e-2),
        ({"precision": "fp32", "optimizer": "sgd", "lr": 1e-3, "clip_grad_norm": 1.0}, 5e-3),
        ({"precision": "fp32", "optimizer": "lars", "lr": 0.1}, 5e-3),
    ],
    ids=["fp32", "bf16", "fp16", "bf16-compiled", "sgd", "lars"],
)
def test_losses_are_those_of_the_cpu(name, how, tolerance, gpu, runs, tmp_path):
    if name != "simclr" and "optimizer" in how:
        pytest.skip("optimisers are tried with one method")
    if name not in ("simclr", "dinov2", "classifier") and "compile" in how:
        pytest.skip("compiling takes long: tried with three methods")
    found = losses(runs, name, gpu, tmp_path / "gpu", **how)
    expected = losses(
        runs, name, torch.device("cpu"), tmp_path / "cpu", **how | {"precision": "fp32", "compile": "off"}
    )
    assert found == pytest.approx(expected, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_killed_run_ends_with_the_same_bits(name, device, runs, tmp_path):
    class Killed(Exception):
        pass

    def kill(done, total, note):
        if done == 3:
            raise Killed

    whole = run(runs, name, device, tmp_path / "whole", checkpoint_every_seconds=0.0)[1]
    with pytest.raises(Killed):
        run(runs, name, device, tmp_path / "killed", kill, checkpoint_every_seconds=0.0)
    killed = run(runs, name, device, tmp_path / "killed", checkpoint_every_seconds=0.0)[1]
    for key, value in whole.items():
        assert torch.equal(killed[key], value), key


@pytest.mark.gpu
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("share", [0.5, 0.0], ids=["resident", "copied"])
def test_a_step_makes_the_host_wait_for_nothing(name, share, gpu, runs, tmp_path, monkeypatch):
    """CUDA itself watches: whatever waits is an error, from the second step to the one before the epoch's last."""
    monkeypatch.setattr("hilum.data.batches._FRACTION_OF_DEVICE", share)
    from hilum.training.step import Stepper

    take, taken = Stepper.take, []

    def watched(self, *given):
        taken.append(len(taken))
        torch.cuda.set_sync_debug_mode("error" if len(taken) >= 2 else "default")
        try:
            return take(self, *given)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Stepper, "take", watched)
    run(runs, name, gpu, tmp_path / "run")
    assert len(taken) == 4


@pytest.mark.gpu
def test_attention_takes_the_flash_kernel(gpu):
    encoder = create_encoder("vit_tiny_patch16_224", seed=0).to(gpu)
    images = torch.rand(2, 1, 64, 64, device=gpu)
    with torch.autocast("cuda", torch.bfloat16), sdpa_kernel([SDPBackend.FLASH_ATTENTION]):
        encoder(images).square().mean().backward()


def test_attention_is_torchs_own():
    encoder = create_encoder("vit_tiny_patch16_224", seed=0)
    with torch.profiler.profile() as seen:
        encoder(torch.rand(1, 1, 32, 32))
    called = {event.key: event.count for event in seen.key_averages()}
    assert called["aten::scaled_dot_product_attention"] == 12


def test_kernels_are_with_channels_last(device, runs, tmp_path):
    state = run(runs, "classifier", device, tmp_path / "run", epochs=1)[1]
    kernels = [value for value in state.values() if value.ndim == 4 and value.shape[2] > 1 and value.shape[1] > 1]
    assert kernels
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@pytest.mark.parametrize("name", ["toh2023_resnet", "vit_tiny_patch16_224"])
def test_features_are_those_of_the_cpu(name, device):
    encoder = create_encoder(name, seed=0).eval()
    images = torch.linspace(0, 255, 2 * 32 * 32).reshape(2, 1, 32, 32).to(torch.uint8)
    with torch.no_grad():
        expected = encoder(plain_view(images, 32))
        found = encoder.to(device)(plain_view(images.to(device), 32)).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
