"""An untrained classifier, packaged and served by a real server on loopback."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import polars as pl
import pytest

from hilum.data.pixels import read_gray
from hilum.encoders.card import Card
from hilum.encoders.zoo import create_encoder
from hilum.evaluation.predictions import as_predictions
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.weights import write_classifier
from hilum.phantom import write_layout
from hilum.prediction import load_package
from hilum.prediction.loading import PackagedClassifier
from hilum.prediction.packaging import Packaging, TrainedSeed, package_arm, training_range
from hilum.serving import make_app, make_server

FINDINGS = ["Infiltration", "Pleural Effusion"]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Generated radiographs, as PNG files."""
    root = tmp_path_factory.mktemp("phantom") / "CXR8"
    write_layout("chestxray14", root, images=24, size=48, seed=4)
    return sorted(root.rglob("*.png"))


@pytest.fixture(scope="session")
def model_directory(images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows nothing, and all of its files are there."""
    trained = tmp_path_factory.mktemp("arms") / "seed-0"
    trained.mkdir()
    card = Card(
        encoder="toh2023_resnet", method="finetune", settings={"precision": "fp32", "batch_size": 16},
        preprocessing=[{"square": "pad"}, {"resize": 64}], image_size=64, mean=0.5, std=0.25, seed=0,
        split="elsewhere, train", training_patients=["elsewhere:1"], n_training_images=1, findings=FINDINGS,
    )  # fmt: skip
    write_classifier(Classifier(create_encoder("toh2023_resnet", seed=0), 2, size=64), card, trained)
    draw = np.random.default_rng(0)
    table = pl.DataFrame({"image_id": [f"{n}" for n in range(60)], "patient_id": [f"{n // 2}" for n in range(60)]})
    for finding in FINDINGS:
        labels = draw.integers(0, 2, 60)
        scores = (labels + draw.random(60)) / 2
        table = table.with_columns(pl.Series(f"y_{finding}", labels), pl.Series(f"p_{finding}", scores))
    parts = [as_predictions(table.with_columns(split=pl.lit(part)), name=part, split=part) for part in ("val", "test")]
    packaging = Packaging(name="none", question="?", split="elsewhere", rule="youden", n_bootstrap=100)
    typical = np.stack([cv2.resize(read_gray(path), (64, 64), interpolation=cv2.INTER_AREA) for path in images])
    training = training_range([30.0] * 10 + [60.0] * 14, ["PA"] * 24, typical)
    return package_arm([TrainedSeed(trained, *parts)], tmp_path_factory.mktemp("models") / "none", packaging, training)


@pytest.fixture(scope="session")
def model(model_directory: Path) -> PackagedClassifier:
    return load_package(model_directory, device="cpu", self_test=False)


@contextmanager
def served(model: PackagedClassifier, **options: Any) -> Iterator[httpx.Client]:
    """A client of a server of its own."""
    server = make_server(make_app(model, **options), port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def serve(model: PackagedClassifier) -> Iterator[Callable[..., httpx.Client]]:
    """Starts servers with options of `make_app`, and ends them."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(served(model, **options))


@pytest.fixture(scope="module")
def client(model: PackagedClassifier) -> Iterator[httpx.Client]:
    with served(model) as client:
        yield client
