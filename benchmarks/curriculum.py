"""Small views for the first part of pretraining beside full ones all along: quality and time, in one run.

    python benchmarks/curriculum.py [--images 1600] [--epochs 16] [--size 64] [--seeds 0 1 2] [--out FILE]

Generated radiographs; half of the patients to pretrain on and to fit a linear and a nearest-neighbour probe with, half
to be scored. Quality is macro AUROC over five findings that change a large part of an image. Arms take turns within a
seed; time is CPU seconds of the process, so that what else runs on the machine counts little.
"""

import argparse
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.encoders.weights import load_encoder
from hilum.encoders.zoo import create_encoder
from hilum.phantom import population_images, render_image
from hilum.pretext.monitoring import OnlineProbe, ProbedImages
from hilum.pretext.pretrain import pretrain
from hilum.pretext.settings import PretextSettings, SizeCurriculum

FINDINGS = ["Atelectasis", "Cardiomegaly", "Pleural Effusion", "Edema", "Emphysema"]
LINEAR, NEAR = "probe_linear", "probe_neighbours"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1600)
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--until", type=float, default=0.75)
    parser.add_argument("--method", default="simclr")
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, help="Markdown to write")
    message = parser.parse_args()
    store, parts = generated(message.images, message.size)
    sizes = {
        f"{message.size} px": message.size,
        f"{message.size // 2} px until {message.until:g}": SizeCurriculum(
            start=message.size // 2, until=message.until, end=message.size
        ),
    }
    probe = OnlineProbe(store, ProbedImages(FINDINGS, *parts, [0] * len(FINDINGS), False))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in sizes}
    for seed in message.seeds:
        start = probe.compute(create_encoder(message.encoder, seed=seed), message.size)
        print(f"seed {seed}, random weights: {start}", flush=True)
        for name, size in sizes.items():
            settings = PretextSettings(
                epochs=message.epochs, batch_size=message.batch, size=size, device="cpu", probe_every=0, workers=0
            )
            with tempfile.TemporaryDirectory() as folder:
                began = time.process_time()
                out = pretrain(
                    message.method, store, parts[0].image_ids, parts[0].patient_ids, encoder=message.encoder,
                    settings=settings, seed=seed, directory=Path(folder) / "out", split_title="",
                )  # fmt: skip
                took = time.process_time() - began
                found[name].append(probe.compute(load_encoder(out)[0], message.size) | {"seconds": took})
            print(f"seed {seed}, {name}: {found[name][-1]}", flush=True)
    lines = [
        f"{message.method}, {message.encoder}, {len(parts[0].image_ids)} images, {message.epochs} epochs of batch "
        f"{message.batch}, "
        f"seeds {message.seeds}: means over seeds.",
        "",
        "| views | linear | neighbours | CPU seconds | times as fast |",
        "|---|---|---|---|---|",
    ]
    plain = statistics.mean(each["seconds"] for each in next(iter(found.values())))
    for name, runs in found.items():
        mean = {key: statistics.mean(run[key] for run in runs) for key in (LINEAR, NEAR, "seconds")}
        speed = plain / mean["seconds"]
        lines.append(f"| {name} | {mean[LINEAR]:.3f} | {mean[NEAR]:.3f} | {mean['seconds']:.0f} | {speed:.2f} |")
    print("\n".join(lines))
    if message.out:
        message.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def generated(count: int, size: int) -> tuple[Store, tuple[LabelledImages, LabelledImages]]:
    population = population_images(11, count)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = list(pool.map(lambda image: render_image(image, size=size, seed=11).pixels, population))
    ids = [image.image_id for image in population]
    rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
    store = Store(Path("generated"), np.stack(pixels), ids, rejected, parse_recipe([{"resize": size}]))
    labels = np.array([[name in image.severities for name in FINDINGS] for image in population], np.float32)
    patients = np.array([image.patient for image in population])
    fitted = np.random.default_rng(0).random(patients.max() + 1)[patients] < 0.5

    def part(chosen: np.ndarray) -> LabelledImages:
        rows = np.flatnonzero(chosen)
        return LabelledImages([ids[row] for row in rows], [f"p{patients[row]}" for row in rows], labels[rows])

    return store, (part(fitted), part(~fitted))


if __name__ == "__main__":
    main()
