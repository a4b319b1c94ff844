"""Successive halving beside the whole grid of study 1's 90 heads, on real radiographs.

    python benchmarks/halving.py DATA --out FOLDER [--images 1200] [--epochs 50] [--seeds 0 1 2]

DATA is a folder in ChestX-ray14's layout, such as `chestxray14_tiny64`. Both searches read the same training and
validation images; cost is counted in optimiser steps over all trials, and what is compared is the validation loss of
the trial that each selects, trained to its end. The seeds' spread is that of the whole grid's best over seeds (weights
of heads, order, dropout).
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from hilum.data.collections import read_collection
from hilum.data.label_policy import LabelPolicy
from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import targets
from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store, open_store
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import Choices, Search, read_selected, run_search
from hilum.finetuning.trials.grids import ELWIREHARDJA_DECAYS, ELWIREHARDJA_DROPOUTS, ELWIREHARDJA_LRS

FINDINGS = ["Infiltration", "Pleural Effusion", "Atelectasis", "Nodule"]
SPACE = {
    "lr": Choices(ELWIREHARDJA_LRS),
    "weight_decay": Choices(ELWIREHARDJA_DECAYS),
    "dropout": Choices(ELWIREHARDJA_DROPOUTS),
}
BASE = FinetuneSettings(
    unfreeze=0, augmentation="none", head="mlp", optimizer="adam", schedule="constant", batch_size=32, patience=None,
    precision="fp32", device="cpu", workers=1, checkpoint_every_seconds=1e9,
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=1200)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--encoder", default="resnet18")
    arguments = parser.parse_args()
    dataset = read_collection("chestxray14", arguments.data)
    store_of = arguments.out / "store"
    rows = dataset.manifest.head(arguments.images)
    if not store_of.exists():
        recipe = parse_recipe([{"square": "pad"}, {"resize": arguments.size}])
        build_store(rows, dataset.root, recipe, store_of)
    store = open_store(store_of)
    train, val = divided(rows.filter(pl.col("image_id").is_in(store.image_ids)))
    print(
        f"{len(train.image_ids)} training and {len(val.image_ids)} validation images, 90 heads, {arguments.encoder}\n"
    )
    base = replace(BASE, epochs=arguments.epochs)
    print("| seed | search | steps of all trials | cost | selected | its validation loss | its AUROC | CPU s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    kinds: tuple[Literal["grid", "halving"], ...] = ("grid", "halving")
    best: dict[str, list[float]] = {kind: [] for kind in kinds}
    for seed in arguments.seeds:
        whole = 0
        for kind in kinds:
            out, began = arguments.out / f"{kind}-{seed}", time.process_time()
            run_search(
                SPACE, lambda sample: replace(base, **sample), Search(kind), store, train, val,
                init="random", encoder_name=arguments.encoder, findings=FINDINGS, seed=seed, directory=out,
            )  # fmt: skip
            selected = read_selected(out)
            whole = whole or selected["steps"]
            best[kind].append(selected["val_loss"])
            settings = ", ".join(f"{name} {value:g}" for name, value in selected["settings"].items())
            print(
                f"| {seed} | {kind} | {selected['steps']:,} | {selected['steps'] / whole:.1%} | {settings} | "
                f"{selected['val_loss']:.4f} | {selected['val_auroc']:.3f} | {time.process_time() - began:.0f} |",
                flush=True,
            )
    gaps = np.subtract(best["halving"], best["grid"])
    spread = max(best["grid"]) - min(best["grid"])
    print(f"\nhalving minus grid: {', '.join(f'{gap:+.4f}' for gap in gaps)}; spread of the grid's best: {spread:.4f}")


def divided(rows: pl.DataFrame) -> tuple[LabelledImages, LabelledImages]:
    """A third of the patients validates."""
    ids, values = targets(rows, FINDINGS, LabelPolicy())
    patient_of = dict(rows.select("image_id", "patient_id").iter_rows())
    patients = sorted(set(patient_of.values()))
    held_out = set(patients[::3])
    chosen = np.array([patient_of[image_id] in held_out for image_id in ids])

    def some(mask: np.ndarray) -> LabelledImages:
        numbers = np.flatnonzero(mask)
        named = [ids[number] for number in numbers]
        return LabelledImages(named, [patient_of[image_id] for image_id in named], values[numbers])

    return some(~chosen), some(chosen)


if __name__ == "__main__":
    main()
