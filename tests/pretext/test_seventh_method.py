"""docs/how-to/seventh_method.md: its code is a method like the others."""

import math
import os
import runpy
import socket
import subprocess
import sys
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl
import pytest
import torch
from lightly.loss import VICRegLoss

import hilum.pretext.methods.registry
from hilum.errors import HilumErrors
from hilum.pretext.methods import METHOD_SETTINGS, method_settings
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings

SCRIPT = Path(__file__).with_name("seventh_method.py")
STATED = runpy.run_path(str(SCRIPT))
WEIGHTS = {"invariance": 25.0, "variance": 25.0, "covariance": 1.0}


@pytest.fixture(scope="module")
def page():
    return STATED["page_module"]()


def embeddings(count=6, width=4):
    return torch.randn(2, count, width, dtype=torch.float64, generator=torch.Generator().manual_seed(count)) * 0.7


def slow_vicreg(first, second):
    """Bardes et al. 2022, eq. 1 to 6, term by term, weighed as in the authors' code."""
    n, d = first.shape
    total = 25 * sum(float((first[i, j] - second[i, j]) ** 2) for i in range(n) for j in range(d)) / (n * d)
    for view in (first.tolist(), second.tolist()):
        mean = [sum(row[j] for row in view) / n for j in range(d)]
        for j in range(d):
            for k in range(d):
                c = sum((row[j] - mean[j]) * (row[k] - mean[k]) for row in view) / (n - 1)
                total += c**2 / d if j != k else 25 * max(0, 1 - math.sqrt(c + 1e-4)) / d / 2
    return total


def test_embeddings_that_say_nothing_cost_what_the_variance_weighs(page):
    same = torch.ones(5, 3)
    assert page.vicreg(same, same, **WEIGHTS).item() == pytest.approx(25 * 0.99)


def test_views_that_agree_in_dimensions_that_vary_alone_cost_nothing(page):
    apart = torch.tensor([[3.0, 3.0], [3.0, -3.0], [-3.0, 3.0], [-3.0, -3.0]])
    assert page.vicreg(apart, apart, **WEIGHTS).item() == pytest.approx(0, abs=1e-6)


def test_the_loss_equals_the_definition_written_out(page):
    first, second = embeddings()
    assert page.vicreg(first, second, **WEIGHTS).item() == pytest.approx(slow_vicreg(first, second), rel=1e-12)


def test_the_loss_equals_lightlys(page):
    first, second = embeddings(32, 16)
    assert page.vicreg(first, second, **WEIGHTS).item() == pytest.approx(VICRegLoss()(first, second).item(), rel=1e-12)


def test_a_registered_method_trains_and_refuses_settings_like_the_others(page, store_of, tmp_path, monkeypatch):
    methods = MappingProxyType({**hilum.pretext.methods.registry.METHODS, "vicreg": page.VICREG})
    monkeypatch.setattr(hilum.pretext.methods.registry, "METHODS", methods)
    monkeypatch.setitem(METHOD_SETTINGS.own, "vicreg", page.VICREG.settings)
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    draws = [np.random.default_rng(image).uniform(-3, 3, 3) for image in range(32)]
    pixels = np.stack([128 + 100 * np.sin(a * x + b * y + c) for a, b, c in draws]).astype(np.uint8)
    store = store_of(pixels)
    settings = PretextSettings(
        epochs=5, batch_size=16, lr=3e-3, warmup_epochs=0, augmentation="finetune", options={"width": 8}, device="cpu",
        precision="fp32",
    )  # fmt: skip
    images = store.image_ids
    out = pretrain(
        "vicreg", store, images, [f"test:{image}" for image in images], encoder="toh2023_densenet", settings=settings,
        seed=0, directory=tmp_path / "vicreg", split_title="all",
    )  # fmt: skip
    curves = pl.read_parquet(out / "curves.parquet")
    assert curves["train_loss"].is_finite().all()
    assert curves["train_loss"][-1] < 0.9 * curves["train_loss"][0]  # 18.6 and 22.6 when this was written
    assert curves["effective_rank"][-1] > 1.5
    with pytest.raises(HilumErrors, match="covariance"):
        method_settings("vicreg", {"covariance": -1})


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    message = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "TORCHELASTIC_RUN_ID": "test"}
    command = [sys.executable, "-W", "error", str(SCRIPT), str(tmp_path)]
    ranks = [os.environ | message | {"RANK": rank, "LOCAL_RANK": rank} for rank in ("0", "1")]
    started = [subprocess.Popen(command, env=each, stderr=subprocess.PIPE, text=True) for each in ranks]
    for process in started:
        _, expected = process.communicate(timeout=600)
        assert process.returncode == 0, expected
    one = STATED["step"]()
    assert max(each.abs().max() for each in one["gradients"].values()) > 0.1
    for rank in (0, 1):
        two = torch.load(tmp_path / f"step-by-{rank}.pt")
        assert two["loss"].item() == pytest.approx(one["loss"].item(), rel=1e-5)
        for name, gradient in one["gradients"].items():
            assert torch.allclose(two["gradients"][name], gradient, atol=1e-4, rtol=1e-4), name
