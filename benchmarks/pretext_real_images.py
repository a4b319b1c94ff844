"""Pretraining on a few hundred real images: what frozen features then tell of findings on other patients.

    python benchmarks/pretext_real_images.py DATA --out FOLDER [--grounds tiny64 sample] [--methods simclr] [--seeds 0
    1]

DATA holds the two small samples of ChestX-ray14, `chestxray14_tiny64` and `chestxray14_sample`, in NIH's layout.
Grounds on which encoders are compared, each divided by patient: 50, 10 and 40 %, tiny64 40, 10 and 50 %, where two
findings then have ten positive test patients. (The official test lists hold eight patients, and one class only.)

    tiny64    601 images of 64 px; findings with at least ten positive and ten negative test patients
    sample    500 images, views of 96 px; Pneumonia against No Finding
    pooled    pretraining on the images of both, views of 64 px; scored as `sample`

So many epochs that each has 180 to 400 steps of 32 images.

No image of a test patient is pretrained on. Probes are fitted to the training images, their penalty is chosen on the
validation images. Beside the methods stand random weights as timm draws them, the same with batch norm calibrated on
the training images, an 8 x 8 thumbnail, and age, sex and view. ConvNeXt V2 and EVA-X have no batch norm to calibrate.
FCMAE hides patches of 32 px, so its views have 128 px, enlarged where images are smaller.

What is done is in FOLDER and not done again; a run that was killed goes on. Tables are of the seeds that are there.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hilum.artifacts import whole_directory, write_json
from hilum.data.collections import read_collection
from hilum.data.labels import LabelPolicy, targets
from hilum.data.manifest import finding_columns
from hilum.data.preprocess import parse_recipe
from hilum.data.splits import patient_split
from hilum.data.store import Store, build_store
from hilum.encoders.probe import linear_probe, neighbour_probe
from hilum.encoders.weights import load_encoder
from hilum.evaluation.estimation import BootstrappedArms, measure_arms
from hilum.evaluation.metrics import MACRO
from hilum.evaluation.predictions import Predictions, read_predictions
from hilum.evaluation.tables import comparisons_table, metrics_table
from hilum.explanation.embedding import features_of
from hilum.finetuning.shortcut_features import metadata_features, random_encoder_features, thumbnail_features
from hilum.finetuning.shortcut_names import METADATA, THUMBNAIL
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings

Matrix = NDArray[np.float32]

SHARES = {"tiny64": (40, 10, 50), "sample": (50, 10, 40), "pooled": (50, 10, 40)}
LINEAR, NEIGHBOURS, ABOUT = "linear", "neighbours", "about.json"
CONVOLUTIONAL, TRANSFORMER, MASKED = "resnet18", "eva_x_tiny_patch16", "convnextv2_atto"


@dataclass(frozen=True)
class Recipe:
    """How a method is run: with which encoder, and its settings; `size` of its views where not the ground's."""

    encoder: str
    settings: PretextSettings
    size: int | None = None


RECIPES = {
    **{
        method: Recipe(CONVOLUTIONAL, PretextSettings(batch_size=32)) for method in ("simclr", "mocov2", "swav", "dino")
    },
    "dinov2": Recipe(TRANSFORMER, PretextSettings(batch_size=32)),
    "fcmae": Recipe(MASKED, PretextSettings(batch_size=32), size=128),
}
"""The library's defaults but for epochs and batch, which fit a few hundred images; nothing was tuned on these."""
EPOCHS = {"tiny64": 30, "sample": 20, "pooled": 15}


@dataclass(frozen=True)
class Ground:
    """Images to learn from without labels, and images to be probed on.

    Attributes:
        name: one of the three.
        store: of all images.
        size: side of the views in px.
        pool: images to pretrain on, and their patients.
        probed: images of training, validation and test, one after the other.
        parts: how many images of training, and of training and validation.
        patients: of the probed images.
        findings: F names.
        targets: (probed, F).
        manifest: of the probed images.
    """

    name: str
    store: Store
    size: int
    pool: dict[str, str]
    probed: list[str]
    parts: tuple[int, int]
    patients: list[str]
    findings: list[str]
    targets: Matrix
    manifest: pl.DataFrame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--grounds", nargs="+", choices=("tiny64", "sample", "pooled"), default=["tiny64", "sample"])
    parser.add_argument("--methods", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, help="of torch; as many as it takes when left out")
    parser.add_argument("--tables", action="store_true", help="only of what is done")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    grounds = [open_ground(name, arguments.data, arguments.out) for name in arguments.grounds]
    if not arguments.tables:
        for seed in arguments.seeds:
            for ground in grounds:
                for name, features in [*baselines(ground, seed), *learners(ground, arguments, seed)]:
                    settle(ground, name, seed, features, arguments.out)
    for ground in grounds:
        print("\n".join(tables(ground, arguments.out)))


def open_ground(name: str, data: Path, out: Path) -> Ground:
    """Read, divide and decode the images of a ground."""
    tiny = None if name == "sample" else read_sample("chestxray14_tiny64", data, out, 64)
    sample = None if name == "tiny64" else read_sample("chestxray14_sample", data, out, 128)
    read = sample or tiny
    assert read is not None
    store, manifest = read
    split = patient_split(manifest, SHARES[name], 0).assignment
    parts = [split.filter(pl.col("split") == part)["image_id"].to_list() for part in ("train", "val", "test")]
    probed = [image_id for part in parts for image_id in part]
    patient_of = dict(zip(manifest["image_id"], manifest["patient_id"], strict=True))
    scored = {patient_of[image_id] for image_id in parts[2]}
    if sample is not None and tiny is not None:
        store, more = joined(store, tiny[0]), tiny[1]
        patient_of = dict(zip(more["image_id"], more["patient_id"], strict=True)) | patient_of
    findings = (
        [each for each in finding_columns(manifest) if each != "No Finding"] if name == "tiny64" else ["Pneumonia"]
    )
    ids, values = targets(manifest, findings, LabelPolicy().for_scoring())
    row = {image_id: number for number, image_id in enumerate(ids)}
    return Ground(
        name=name,
        store=store,
        size=96 if name == "sample" else 64,
        pool={image_id: patient for image_id, patient in patient_of.items() if patient not in scored},
        probed=probed,
        parts=(len(parts[0]), len(parts[0]) + len(parts[1])),
        patients=[patient_of[image_id] for image_id in probed],
        findings=findings,
        targets=values[[row[image_id] for image_id in probed]],
        manifest=manifest,
    )


def read_sample(name: str, data: Path, out: Path, size: int) -> tuple[Store, pl.DataFrame]:
    dataset = read_collection("chestxray14", data / name)
    recipe = parse_recipe([{"resize": size}])
    return build_store(dataset.manifest, dataset.root, recipe, out / "stores" / name), dataset.manifest


def joined(first: Store, second: Store) -> Store:
    """Both stores at the second's size; the four images that both hold, once."""
    size = second.pixels.shape[1]
    times = first.pixels.shape[1] // size
    shrunk = first.pixels.reshape(-1, size, times, size, times).mean((2, 4)).round().astype(np.uint8)
    more = [row for row, image_id in enumerate(second.image_ids) if image_id not in set(first.image_ids)]
    ids = [*first.image_ids, *(second.image_ids[row] for row in more)]
    return replace(second, pixels=np.concatenate([shrunk, second.pixels[more]]), image_ids=ids)


def baselines(ground: Ground, seed: int) -> Iterator[tuple[str, Callable[[Path], Matrix]]]:
    """What has learnt nothing, and makers of its features."""
    fitted = ground.probed[: ground.parts[0]]
    for encoder, size in ((CONVOLUTIONAL, ground.size), (TRANSFORMER, ground.size), (MASKED, 128)):
        random = partial(random_encoder_features, ground.store, ground.probed, encoder, seed=seed, size=size)
        yield untrained(encoder), partial(regardless, random)
        if encoder == CONVOLUTIONAL:
            yield calibrated(encoder), partial(regardless, partial(random, calibrated_on=fitted))
    yield THUMBNAIL, lambda _: thumbnail_features(ground.store, ground.probed)
    yield METADATA, lambda _: metadata_features(ground.manifest, ground.probed)


def regardless(features: Callable[[], Matrix], _: Path) -> Matrix:
    """Features that need no directory."""
    return features()


def untrained(encoder: str) -> str:
    return f"random {encoder}"


def calibrated(encoder: str) -> str:
    return f"calibrated random {encoder}"


def learners(
    ground: Ground, arguments: argparse.Namespace, seed: int
) -> Iterator[tuple[str, Callable[[Path], Matrix]]]:
    """The methods, and what pretrains them and makes their features."""
    for name in arguments.methods:
        yield name, partial(pretrained, name, ground, seed)


def pretrained(method: str, ground: Ground, seed: int, directory: Path) -> Matrix:
    recipe = RECIPES[method]
    size = recipe.size or ground.size
    run = pretrain(
        method,
        ground.store,
        list(ground.pool),
        list(ground.pool.values()),
        encoder=recipe.encoder,
        settings=replace(recipe.settings, size=size, epochs=EPOCHS[ground.name]),
        seed=seed,
        directory=directory,
        split_title=f"all but the test patients of {ground.name}",
    )
    return features_of(load_encoder(run)[0].eval(), size, ground.store, ground.probed).values


def settle(ground: Ground, name: str, seed: int, features: Callable[[Path], Matrix], out: Path) -> None:
    """Probe features and leave the predictions in a directory of their own, unless they are there."""
    directory = place(ground, name, seed, out)
    if directory.exists():
        return
    print(f"{ground.name}, {name}, seed {seed}", flush=True)
    pretraining = directory.with_name(f"{directory.name}-pretraining")
    values = features(pretraining)
    fitted, choosing, scored = np.split(values, ground.parts)
    to_fit, to_choose, _ = np.split(ground.targets, ground.parts)
    curves = pretraining / "curves.parquet"
    about = {
        "images": len(ground.pool),
        "hours": pl.read_parquet(curves)["seconds"].sum() / 3600 if curves.exists() else 0.0,
    }
    probes = {LINEAR: linear_probe((fitted, to_fit), (choosing, to_choose), scored)}
    if name != METADATA:  # whose distances mean nothing
        probes[NEIGHBOURS] = neighbour_probe((fitted, to_fit), scored)
    with whole_directory(directory) as beside:
        for probe, scores in probes.items():
            predictions(ground, scores).write_parquet(beside / f"{probe}.parquet")
        write_json(beside / ABOUT, about)


def place(ground: Ground, name: str, seed: int, out: Path) -> Path:
    return out / ground.name / f"{name.replace(' ', '-').replace(',', '')}-s{seed}"


def predictions(ground: Ground, scores: NDArray[np.float64]) -> pl.DataFrame:
    rows = slice(ground.parts[1], None)
    columns: dict[str, Any] = {
        "image_id": ground.probed[rows],
        "patient_id": ground.patients[rows],
        "split": ["test"] * len(scores),
    }
    for number, finding in enumerate(ground.findings):
        columns[f"y_{finding}"] = ground.targets[rows, number].astype(np.float64)
        columns[f"p_{finding}"] = np.clip(scores[:, number], 0, 1)
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def tables(ground: Ground, out: Path) -> Iterator[str]:
    """Both probes in Markdown: each arm, and how far the methods are ahead of what has learnt nothing."""
    names = [name for name, _ in baselines(ground, 0)]
    for probe in (LINEAR, NEIGHBOURS):
        arms = {name: done(ground, name, probe, out) for name in [*RECIPES, *names]}
        arms = {name: seeds for name, seeds in arms.items() if seeds}
        if not arms:
            continue
        measured = measure_arms(arms)
        scored = len(ground.probed) - ground.parts[1]
        included = [name for name, inside in zip(measured.findings, measured.included, strict=True) if inside]
        yield f"\n{ground.name}, {probe} probe: {len(ground.pool)} images to pretrain on, {scored} images of "
        yield f"{len(set(ground.patients[ground.parts[1] :]))} patients scored; {', '.join(included)}\n"
        yield "| features | AUROC (95 %) | − random | − calibrated | − thumbnail | seeds | hours a run |"
        yield "|---|---|---|---|---|---|---|"
        for name, seeds in arms.items():
            row = metrics_table(measured, name).filter(pl.col("finding") == MACRO).row(0, named=True)
            gains = [gain(measured, name, other) for other in opponents(name)]
            hours = np.mean([hours_of(ground, name, seed, out) for seed in range(len(seeds))])
            shown = f"{row['estimate']:.3f} ({row['ci_low']:.3f}–{row['ci_high']:.3f})"
            yield f"| {name} | {shown} | {' | '.join(gains)} | {len(seeds)} | {hours:.2f} |"


def hours_of(ground: Ground, name: str, seed: int, out: Path) -> float:
    return float(json.loads((place(ground, name, seed, out) / ABOUT).read_text(encoding="utf-8"))["hours"])


def done(ground: Ground, name: str, probe: str, out: Path) -> list[Predictions]:
    """Of the seeds from 0 on that are there."""
    found: list[Predictions] = []
    for seed in range(100):
        path = place(ground, name, seed, out) / f"{probe}.parquet"
        if not path.exists():
            return found
        found.append(read_predictions(path))
    return found


def opponents(name: str) -> list[str]:
    if name not in RECIPES:
        return ["", "", ""]
    encoder = RECIPES[name].encoder
    return [untrained(encoder), calibrated(encoder) if encoder == CONVOLUTIONAL else "", THUMBNAIL]


def gain(measured: BootstrappedArms, name: str, other: str) -> str:
    if other not in measured.arms:
        return ""
    every = comparisons_table(measured, reference=other)
    row = every.filter((pl.col("arm") == name) & (pl.col("finding") == MACRO)).row(0, named=True)
    return f"{row['difference']:+.3f} ({row['ci_low']:+.3f} to {row['ci_high']:+.3f})"


if __name__ == "__main__":
    main()
