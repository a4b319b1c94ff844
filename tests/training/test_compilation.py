"""Compiled training steps: the same run but for rounding, with a record where it is not compiled."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hilum.data.batches import Batches
from hilum.encoders.zoo import create_encoder
from hilum.training import compilation
from hilum.training.compilation import CompiledBlocks, decide_compilation
from hilum.training.fit import COMPILATION, fit
from hilum.training.settings import TrainingSettings

RUNS = runpy.run_path(str(Path(__file__).parents[1] / "pretext" / "joined_runs.py"))
CASE = replace(RUNS["CASES"]["classifier"], encoder="toh2023_resnet", size=32, images=8)
CPU = torch.device("cpu")
HOW = {"plain": "auto", "compiled": "on"}


@pytest.fixture
def traced(monkeypatch):
    """torch's own backend that traces, differentiates and does not generate code: seconds instead of a minute."""
    monkeypatch.setattr(compilation, "BACKEND", "aot_eager")


def run(directory, case=CASE, epochs=2, **changed):
    directory.mkdir(exist_ok=True)
    store = RUNS["images"](case.images, case.size)
    batches: Batches = RUNS["batches_of"](case, store, store.image_ids, 4, 0, shuffle=True, drop_last=True)
    trainable = RUNS["trainable_of"](case, store, 4)
    settings = TrainingSettings(
        epochs=epochs, lr=1e-3, precision="fp32", device="cpu", checkpoint_every_seconds=0.0, **changed
    )
    fitted = fit(trainable, batches, settings=settings, directory=directory)
    return fitted, trainable.state_dict()


def loss_of(trainable):
    return trainable(torch.linspace(0, 1, 2 * 32 * 32).reshape(2, 1, 32, 32)).square().mean()


def decided(asked, encoder, **changed):
    how = {"device": CPU, "dtype": torch.float32, "steps": 10} | changed
    return decide_compilation(asked, encoder, loss_of, **how)


def test_a_compiled_run_is_the_same_but_for_rounding(traced, tmp_path):
    # plain descent: Adam divides a gradient that is nothing but rounding by its own size
    plain, compiled = (run(tmp_path / how, optimizer="sgd", **{"compile": on}) for how, on in HOW.items())
    assert plain[0].compilation.code == "off"
    assert not (tmp_path / "plain" / COMPILATION).exists()
    assert compiled[0].compilation.code == "compiled"
    assert json.loads((tmp_path / "compiled" / COMPILATION).read_text())["difference"] < 1e-3
    assert compiled[1].keys() == plain[1].keys()
    for name, value in plain[1].items():
        torch.testing.assert_close(compiled[1][name], value, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.slow
def test_a_compiled_run_that_is_killed_ends_with_the_same_bits(traced, tmp_path):
    whole = run(tmp_path / "whole", compile="on")

    class Killed(Exception):
        pass

    def kill(done, total, note):
        if done == 3:
            raise Killed

    directory = tmp_path / "killed"
    directory.mkdir()
    store = RUNS["images"](CASE.images, CASE.size)
    settings = TrainingSettings(
        epochs=2, lr=1e-3, precision="fp32", device="cpu", checkpoint_every_seconds=0.0, compile="on"
    )
    for on_progress in (kill, lambda *_: None):
        batches = RUNS["batches_of"](CASE, store, store.image_ids, 4, 0, shuffle=True, drop_last=True)
        trainable = RUNS["trainable_of"](CASE, store, 4)
        try:
            fitted = fit(trainable, batches, settings=settings, directory=directory, on_progress=on_progress)
        except Killed:
            continue
    assert fitted.compilation is None  # decided before
    for name, value in whole[1].items():
        assert torch.equal(trainable.state_dict()[name], value), name


def test_nothing_is_compiled_on_a_cpu_by_default():
    assert decided("auto", create_encoder("toh2023_resnet", seed=0)).code == "off"
    assert decided("off", create_encoder("toh2023_resnet", seed=0)).code == "off"


def test_what_a_compiler_does_not_take_runs_without_it(monkeypatch, tmp_path):
    import torch._dynamo

    def refuses(graph, inputs):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(compilation, "BACKEND", refuses)
    fitted, _ = run(tmp_path / "run", compile="on", epochs=1)
    assert fitted.compilation.code == "failed"
    assert "no such instruction" in fitted.compilation.reason
    torch._dynamo.reset()


def test_what_computes_something_else_is_not_used(monkeypatch):
    def halves(graph, inputs):
        return lambda *values: [value * 0.5 for value in graph.forward(*values)]

    import torch._dynamo

    torch._dynamo.reset()
    monkeypatch.setattr(compilation, "BACKEND", halves)
    found = decided("on", create_encoder("toh2023_resnet", seed=0))
    assert found.code == "differs"
    assert found.difference > 0.1
    torch._dynamo.reset()


def test_why_a_run_is_not_compiled():
    encoder = create_encoder("toh2023_resnet", seed=0)
    assert decided("on", encoder, activation_checkpointing=True).code == "activation_checkpointing"
    assert decided("on", encoder.requires_grad_(False)).code == "nothing_to_compile"
    assert decided("on", torch.nn.Linear(32, 2)).code == "nothing_to_compile"


def test_blocks_are_compiled_while_they_train_and_at_no_other_time(traced):
    import torch._dynamo

    torch._dynamo.reset()
    encoder = create_encoder("toh2023_resnet", seed=0)
    blocks = CompiledBlocks([encoder])
    assert len(blocks.units) >= len(encoder.blocks) - 1
    counters = torch._dynamo.utils.counters
    counters.clear()
    encoder(torch.zeros(2, 1, 32, 32))
    assert not counters["stats"]
    with blocks.active():
        encoder(torch.zeros(2, 1, 32, 32))
    assert counters["stats"]["unique_graphs"] >= 1
    assert not any(unit._compiled_call_impl for unit in blocks.units)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["simclr", "mocov2", "swav", "dino", "dinov2", "fcmae", "classifier"])
def test_generated_code_is_the_same_but_for_rounding(name, tmp_path):
    case = replace(RUNS["CASES"][name], images=8)
    plain, compiled = (run(tmp_path / how, case, epochs=1, compile=how) for how in ("off", "on"))
    assert compiled[0].compilation.code == "compiled", compiled[0].compilation
    assert compiled[0].curves["train_loss"][0] == pytest.approx(plain[0].curves["train_loss"][0], rel=1e-3)
