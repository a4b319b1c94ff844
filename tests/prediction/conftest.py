"""A small arm of two seeds, fine-tuned on generated radiographs, and the model directory made of it."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from hilum.data.collections import read_collection
from hilum.data.labelled_images import LabelledImages
from hilum.data.patients import full_names
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store, build_store
from hilum.evaluation.predictions import as_predictions
from hilum.finetuning.finetune import finetune
from hilum.finetuning.scores import SCORES, read_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.phantom import write_layout
from hilum.prediction.packaging import Packaging, TrainedSeed, package_arm, training_range

SIDE = 32
FINDINGS = ["Infiltration", "Pleural Effusion", "Atelectasis"]


@dataclass(frozen=True)
class Arm:
    """What a study would leave of an arm."""

    root: Path
    manifest: pl.DataFrame
    store: Store
    seeds: list[TrainedSeed]
    train_ids: list[str]
    scored_ids: list[str]


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("phantom") / "CXR8"
    write_layout("chestxray14", root, images=90, size=48, seed=3)
    return root


@pytest.fixture(scope="session")
def dataset(radiographs) -> SimpleNamespace:
    read = read_collection("chestxray14", radiographs)
    return SimpleNamespace(manifest=read.manifest, root=radiographs)


def table_of(manifest, scores, ids, split):
    rows = manifest.filter(pl.col("image_id").is_in(ids)).select(
        "image_id", "patient_id", pl.lit(split).alias("split"), *(pl.col(each).alias(f"y_{each}") for each in FINDINGS)
    )
    return rows.join(scores, on="image_id", how="inner", maintain_order="left")


def make_arm(dataset, directory, *, names, cuts, seeds) -> Arm:
    """Fine-tune a small classifier of each seed: images up to the first cut train, up to the second validate."""
    manifest = dataset.manifest
    store = build_store(manifest, dataset.root, parse_recipe([{"square": "pad"}, {"resize": SIDE}]), directory / "s")
    patients = dict(zip(manifest["image_id"], full_names(manifest, names), strict=True))
    ids = manifest["image_id"].to_list()
    # a patient's images stand side by side: cut between two patients
    cuts = [next(at for at in range(near, len(ids)) if patients[ids[at]] != patients[ids[at - 1]]) for near in cuts]
    train, val, test = ids[: cuts[0]], ids[cuts[0] : cuts[1]], ids[cuts[1] :]

    def labelled(some):
        targets = manifest.filter(pl.col("image_id").is_in(some)).select(FINDINGS).to_numpy().astype(np.float32)
        return LabelledImages(some, [patients[each] for each in some], targets)

    settings = FinetuneSettings(epochs=1, batch_size=16, lr=1e-3, patience=None, device="cpu", augmentation="none")
    trained_seeds = []
    for seed in seeds:
        trained = finetune(
            "random", "toh2023_resnet", store, labelled(train), labelled(val), [*val, *test], FINDINGS,
            settings=settings, seed=seed, directory=directory / "arms" / "scratch" / f"seed-{seed}",
            split_title=f"{names}, train of patients (000000)",
        )  # fmt: skip
        scores = read_scores(trained / SCORES, store, [*val, *test])
        parts = [
            as_predictions(table_of(manifest, scores, part, name), name=name, split=name)
            for part, name in ((val, "val"), (test, "test"))
        ]
        trained_seeds.append(TrainedSeed(trained, *parts))
    return Arm(dataset.root, manifest, store, trained_seeds, train, [*val, *test])


def package_of(arm, directory) -> Path:
    rows = arm.manifest.filter(pl.col("image_id").is_in(arm.train_ids))
    pixels = arm.store.gather(arm.store.rows(arm.train_ids))
    return package_arm(
        arm.seeds, directory, PACKAGING, training_range(rows["age"].to_list(), rows["view"].to_list(), pixels)
    )


@pytest.fixture(scope="session")
def arm(dataset, tmp_path_factory) -> Arm:
    return make_arm(dataset, tmp_path_factory.mktemp("study"), names="phantom-s3", cuts=(45, 65), seeds=(0, 1))


@pytest.fixture(scope="session")
def sample_arm(shared_data, tmp_path_factory) -> Arm:
    """The same of real radiographs, where they are here."""
    root = shared_data / "chestxray14_sample"
    if not root.is_dir():
        pytest.skip("the sample of ChestX-ray14 is not here")
    manifest = read_collection("chestxray14", root).manifest.filter(pl.col("path").is_not_null()).head(64)
    dataset = SimpleNamespace(manifest=manifest, root=root)
    return make_arm(dataset, tmp_path_factory.mktemp("sample"), names="chestxray14", cuts=(24, 36), seeds=(0,))


PACKAGING = Packaging(name="scratch", question="?", split="phantom, patients (000000)", rule="youden", n_bootstrap=100)


@pytest.fixture(scope="session")
def model_directory(arm, tmp_path_factory) -> Path:
    return package_of(arm, tmp_path_factory.mktemp("models") / "scratch")


@pytest.fixture(scope="session")
def sample_model_directory(sample_arm, tmp_path_factory) -> Path:
    return package_of(sample_arm, tmp_path_factory.mktemp("sample-models") / "scratch")
