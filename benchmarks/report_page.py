"""How large, and how slow, is the page of a large study? 25,596 images, 14 findings, three arms, images, maps and
points.

    python benchmarks/report_page.py [--images 25596] [--n-bootstrap 2000] [--out DIR]

Scores, labels, maps and points are drawn at random; images are generated ones, turned, shifted and with grain of their
own. They are left in a folder as Hilum's commands leave them, and `hilum report` makes the page of it. Prints the
seconds of each part, the bytes of the page, and, where Chromium is installed, how long it takes to open the page.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store
from hilum.explanation.selection import RULES
from hilum.findings import CHESTXRAY14
from hilum.phantom import population_images, render_image
from hilum.report.page import write_report
from hilum.runs.report import ReportSettings, content_of_folder

ARMS = {"scratch": 0.7, "imagenet": 0.9, "simclr": 1.0}
MAPPED, BOXED, IMAGES, POINTS = 600, 350, 4000, 4000
TIMES = """<script>addEventListener("load", () => setTimeout(() => {
  const t = performance.getEntriesByType("navigation")[0];
  document.title = JSON.stringify({ loaded: t.loadEventStart, elements: document.querySelectorAll("*").length });
}, 0));</script>"""


def write_predictions(directory: Path, count: int, draw: np.random.Generator) -> list[str]:
    """Test images and as many of validation again; two images a patient."""
    ids = [f"{i // 2:08d}_{i % 2:03d}.png" for i in range(count)]
    labels = draw.random((2 * count, 14)) < np.geomspace(0.18, 0.002, 14)
    shown = draw.standard_normal(labels.shape)
    who = {
        "image_id": [*ids, *(f"v{name}" for name in ids)],
        "patient_id": [f"{part}{i // 2}" for part in ("", "v") for i in range(count)],
        "split": ["test"] * count + ["val"] * count,
        "sex": [("F", "M")[i // 2 % 2] for i in range(2 * count)],
        "age": [20.0 + i // 2 % 70 for i in range(2 * count)],
        "view": [("PA", "AP")[i % 3 == 0] for i in range(2 * count)],
    }
    for arm, signal in ARMS.items():
        logits = signal * labels + shown + 0.4 * draw.standard_normal(labels.shape)
        columns: dict[str, Any] = {
            f"y_{finding}": labels[:, k].astype(np.int8) for k, finding in enumerate(CHESTXRAY14)
        }
        columns |= {f"p_{finding}": 1 / (1 + np.exp(2 - logits[:, k])) for k, finding in enumerate(CHESTXRAY14)}
        (directory / "predictions" / arm).mkdir(parents=True)
        pl.DataFrame({**who, **columns}).write_parquet(directory / "predictions" / arm / "seed-0.parquet")
    return ids


def write_images(directory: Path, ids: list[str], side: int, draw: np.random.Generator) -> None:
    drawn = [render_image(image, size=side, seed=0).pixels for image in population_images(0, 40)]
    with TemporaryDirectory() as folder:
        for place, name in enumerate(ids):
            cv2.imwrite(f"{folder}/{name}", bent(drawn[place % len(drawn)], draw))
        manifest = pl.DataFrame({"image_id": ids, "path": ids})
        build_store(
            manifest, Path(folder), parse_recipe([{"resize": side}]), directory / "stores" / "images", workers=1
        )


def bent(image: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """The image turned, shifted and with grain."""
    side = image.shape[0]
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), draw.uniform(-12, 12), draw.uniform(0.9, 1.15))
    turned = cv2.warpAffine(image, turn, (side, side)).astype(np.float32)
    grain = cv2.GaussianBlur(draw.standard_normal((side, side)).astype(np.float32), (0, 0), 1.2)
    return np.clip(turned + 14 * grain, 0, 255).astype(np.uint8)


def write_maps(directory: Path, ids: list[str], draw: np.random.Generator) -> None:
    directory.mkdir()
    pairs = [(name, CHESTXRAY14[place % 14]) for place, name in enumerate(ids)]
    rules = list(RULES)
    table = pl.DataFrame(pairs, ["image_id", "finding"], orient="row").with_row_index("row")
    table.write_parquet(directory / "heat_maps.parquet")
    chosen = pl.DataFrame({"rule": [rules[place // 14 % len(rules)] for place in range(14 * len(rules))]})
    table[: len(chosen)].select("image_id", "finding").hstack(chosen).write_parquet(directory / "shown.parquet")
    corners = draw.uniform(0.1, 0.5, (BOXED, 4))
    boxes = pl.DataFrame(corners, ["x", "y", "width", "height"])
    table[:BOXED].select("image_id", "finding").hstack(boxes).write_parquet(directory / "boxes.parquet")
    models = []
    for number, arm in enumerate(list(ARMS)[:2]):
        np.save(directory / f"heat_maps_{number + 1}.npy", draw.random((len(ids), 7, 7)).astype(np.float32))
        models.append(
            {"name": f"{arm} (seed 0)", "maps": f"heat_maps_{number + 1}.npy", "begin_and_end_on_image": [0, 1]}
        )
    (directory / "explain.json").write_text(json.dumps({"method": "gradcam", "models": models, "notes": []}))


def write_points(directory: Path, ids: list[str], draw: np.random.Generator) -> None:
    parts = [
        pl.DataFrame(
            {
                "arm": [arm] * len(ids),
                "image_id": ids,
                "method": ["tsne"] * len(ids),
                "x": draw.standard_normal(len(ids)),
                "y": draw.standard_normal(len(ids)),
                "single_label": [CHESTXRAY14[k] for k in draw.integers(0, 14, len(ids))],
                "anomalies": [("No Finding", "Has Anomalies")[k] for k in draw.integers(0, 2, len(ids))],
            }
        )
        for arm in list(ARMS)[:2]
    ]
    pl.concat(parts).write_parquet(directory / "embedding.parquet")


def opened(page: Path) -> str:
    """Seconds until the page has loaded, and its elements."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        return "no Chromium here"
    with TemporaryDirectory() as folder:
        probe = Path(folder) / "page.html"
        probe.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{TIMES}</body>"), encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}/profile"]
        options += ["--timeout=60000", "--dump-dom"]
        dom = subprocess.run(
            [browser, *options, probe.as_uri()], capture_output=True, text=True, timeout=180, check=True
        )
    message = re.search(r"<title>(\{.*?\})</title>", dom.stdout)
    if message is None:
        return "the browser reported nothing"
    expected = json.loads(message[1])
    return f"{expected['loaded'] / 1000:.1f} s to load, {expected['elements']:,} elements"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=25_596)
    parser.add_argument("--n-bootstrap", type=int, default=2000)
    parser.add_argument("--side", type=int, default=320)
    parser.add_argument("--out", type=Path)
    message = parser.parse_args()
    draw, echo = np.random.default_rng(0), sys.stdout.write
    with TemporaryDirectory() as folder:
        directory = message.out or Path(folder) / "results"
        directory.mkdir(parents=True)
        ids = write_predictions(directory, message.images, draw)
        write_images(directory, ids[:IMAGES], message.side, draw)
        write_maps(directory / "explain", ids[:MAPPED], draw)
        write_points(directory, ids[:POINTS], draw)
        echo(f"{message.images:,} images, {len(ARMS)} arms, 14 findings, {message.n_bootstrap:,} resamples\n")
        began = time.perf_counter()
        content = content_of_folder(directory, ReportSettings(message.n_bootstrap, reference="scratch"))
        measured = time.perf_counter()
        page = write_report(content, directory / "page")
        written = time.perf_counter()
        tables, figures = (sorted((page.parent / name).iterdir()) for name in ("tables", "figures"))
        echo(f"measure and gather {measured - began:.1f} s, write {written - measured:.1f} s\n")
        echo(f"page {page.stat().st_size / 1e6:.1f} MB; {len(tables)} tables, {len(figures)} figures beside it\n")
        echo(f"Chromium: {opened(page)}\n")


if __name__ == "__main__":
    main()
