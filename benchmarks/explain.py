"""Do heat-maps find the finding? Trained here, scored against boxes, beside what knows nothing.

    python benchmarks/explain.py phantom           generated images, half of them with a finding
    python benchmarks/explain.py real ROOT         ChestX-ray14 as the NIH distributes it, or a part of it: images whose
                                                   patients have a box of the finding are tested, the others train

Prints the classifier's AUROC and, for each method, scores with 95 % intervals from resampled patients.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from hilum.data.collections import read_collection
from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store, build_store
from hilum.explanation.localisation import (
    CENTRE,
    LOCATION,
    RANDOM,
    BoxedCase,
    boxed_cases,
    boxes_on_square,
    score_models,
)
from hilum.explanation.maps import load_models, maps_of_pairs
from hilum.explanation.methods import HeatMapMethod
from hilum.explanation.settings import ExplainConfig
from hilum.finetuning.finetune import finetune
from hilum.finetuning.scores import read_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.phantom import population_images, render_image

SHOWN = ("pointing", "energy", "overlap", "iou", "iou25", "ap25")


@dataclass(frozen=True)
class Task:
    """Images of one finding: their pixels, labels and boxes, divided by patient."""

    store: Store
    train: LabelledImages
    val: LabelledImages
    test: LabelledImages
    cases: list[BoxedCase]


def labelled(rows: pl.DataFrame) -> LabelledImages:
    return LabelledImages(
        rows["image_id"].to_list(), rows["patient_id"].to_list(), rows.select("label").to_numpy().astype(np.float32)
    )


def phantom_task(finding: str, least: float, population: int, size: int, seed: int) -> Task:
    """Images of a population with the finding, from some severity on, and as many without it; divided 60/10/30."""
    drawn = population_images(seed, population)
    having = [image for image in drawn if image.severities.get(finding, -1.0) >= least]
    lacking = [image for image in drawn if finding not in image.severities]
    taken = [*having, *lacking[:: len(lacking) // len(having)][: len(having)]]
    pixels: list[NDArray[np.uint8]] = []
    cases, rows = [], []
    for image in taken:
        present = finding in image.severities
        rendered = render_image(image, size=size, seed=seed, boxed=[finding] if present else [])
        pixels.append(rendered.pixels)
        rows.append((image.image_id, str(image.patient), int(present)))
        corners = np.array([(box.x, box.y, box.width, box.height) for box in rendered.boxes]) / 1024
        if len(corners):
            cases.append(BoxedCase(image.image_id, str(image.patient), finding, corners))
    nothing = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    ids = [row[0] for row in rows]
    store = Store(Path("memory"), np.stack(pixels), ids, nothing, parse_recipe([{"resize": size}]))
    patients = sorted({row[1] for row in rows}, key=int)
    place = {patient: n / len(patients) for n, patient in enumerate(patients)}
    table = pl.DataFrame(rows, ["image_id", "patient_id", "label"], orient="row")
    table = table.with_columns(place=pl.col("patient_id").replace_strict(place, return_dtype=pl.Float64))
    test = table.filter(pl.col("place") >= 0.7)
    scored = set(test["image_id"])
    return Task(
        store,
        labelled(table.filter(pl.col("place") < 0.6)),
        labelled(table.filter(pl.col("place").is_between(0.6, 0.7, closed="left"))),
        labelled(test),
        [case for case in cases if case.image_id in scored],
    )


def real_task(root: Path, finding: str, size: int, directory: Path) -> Task:
    """Patients with a box of the finding are tested; a tenth of the others validates."""
    dataset = read_collection("chestxray14", root, allow_missing=True)
    manifest = dataset.manifest.filter(pl.col("path").is_not_null())
    store = build_store(manifest, dataset.root, parse_recipe([{"square": "pad"}, {"resize": size}]), directory)
    manifest = manifest.filter(pl.Series(store.has(manifest["image_id"].to_list())))
    manifest = manifest.filter(pl.col(finding) >= 0).with_columns(label=pl.col(finding))
    assert dataset.boxes is not None
    placed, _ = boxes_on_square(dataset.boxes, store.recipe)
    cases = boxed_cases(placed, dict(manifest.select("image_id", "patient_id").iter_rows()), [finding])
    boxed = sorted({case.patient_id for case in cases})
    others = sorted(set(manifest["patient_id"]) - set(boxed))
    val, train = others[::10], [patient for n, patient in enumerate(others) if n % 10]
    learnt, chosen, tested = (
        labelled(manifest.filter(pl.col("patient_id").is_in(part))) for part in (train, val, boxed)
    )
    return Task(store, learnt, chosen, tested, cases)


def measure(task: Task, finding: str, settings: FinetuneSettings, encoder: str, methods: list[HeatMapMethod]) -> None:
    with TemporaryDirectory() as folder:
        directory = Path(folder) / "model"
        finetune(
            "random", encoder, task.store, task.train, task.val, task.test.image_ids, [finding],
            settings=settings, seed=0, directory=directory,
        )  # fmt: skip
        scores = read_scores(directory, task.store, task.test.image_ids)
        (model,) = load_models([directory], torch.device("cpu"))
    given = dict(scores.rows())
    targets = task.test.targets[:, 0]
    if len(np.unique(targets)) == 2:
        area = roc_auc_score(targets, [given[image_id] for image_id in task.test.image_ids])
        print(f"AUROC {area:.3f} on {len(targets)} images; trained on {len(task.train.image_ids)}")
    confidence = np.array([given[case.image_id] for case in task.cases])
    pairs = [(case.image_id, finding) for case in task.cases]
    for method in methods:
        maps = maps_of_pairs(model, task.store, pairs, method)
        config = ExplainConfig(method, (finding,))
        table, _ = score_models([model], [task.store], [task.cases], [maps], [confidence], config)
        print(f"\n{method} of {encoder}, {len(task.cases)} images, {table['patients'][0]} patients")
        for row in table.filter(pl.col("finding") == finding, pl.col("metric").is_in(SHOWN)).iter_rows(named=True):
            less = f" - {row['reference']}" if row["reference"] else ""
            name = f"{row['metric']:9} {row['arm'].replace(model.name, 'model')}{less}"
            print(f"{name:45} {row['estimate']:+.3f} ({row['ci_low']:+.3f} to {row['ci_high']:+.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", choices=["phantom", "real"])
    parser.add_argument("root", nargs="?", type=Path)
    parser.add_argument("--finding")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--methods", default="gradcam,gradcam++,layercam")
    parser.add_argument("--least", type=float, default=0.0, help="severity of generated findings, 0 to 1")
    parser.add_argument("--population", type=int, default=4200)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--lr", type=float, default=1e-3)
    message = parser.parse_args()
    torch.set_num_threads(1)
    settings = FinetuneSettings(
        epochs=message.epochs, batch_size=16, lr=message.lr, optimizer="adamw", patience=None, device="cpu"
    )
    with TemporaryDirectory() as folder:
        if message.images == "phantom":
            finding = message.finding or "Pleural Effusion"
            task = phantom_task(finding, message.least, message.population, message.size, seed=7)
        else:
            finding = message.finding or "Pneumonia"
            task = real_task(message.root, finding, message.size, Path(folder) / "store")
        print(f"beside the {CENTRE}, the {LOCATION} and {RANDOM}: {len(task.cases)} images with boxes of {finding}")
        measure(task, finding, settings, message.encoder, message.methods.split(","))


if __name__ == "__main__":
    main()
