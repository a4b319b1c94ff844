"""Near duplicates: what is found among generated images, and what the search costs as images grow in number.

    python benchmarks/near_duplicates.py recall [--images 20000] [--planted 500] [--cache FOLDER]
    python benchmarks/near_duplicates.py cost [--sizes 5000 20000 100000]

recall: renders images of generated patients (those of one patient on other days are no copies, and the hardest to tell
from them), plants disguised copies of some, searches all, and prints the recall of every disguise and the false pairs.
Rendering takes most of the time; --cache keeps the thumbnails.

cost: hashes of made-up details whose mean and covariance are those of rendered images, and one copy in a hundred;
    prints
the time and the number of candidates at each size, and the exponent of growth between sizes.
"""

import argparse
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.data.duplicates import near_duplicates, thumbnail
from hilum.data.duplicates.candidates import candidates
from hilum.data.duplicates.detail import COARSE, details
from hilum.data.duplicates.hashes import SHIFTS, hashes
from hilum.phantom import Image, population_images, render_image

SEED, SIDE = 0, 64
PLANTED_SIDE = 512
Gray = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    recall = commands.add_parser("recall")
    recall.add_argument("--images", type=int, default=20_000)
    recall.add_argument("--planted", type=int, default=500, help="images of which copies are planted")
    recall.add_argument("--cache", type=Path, help="folder to keep thumbnails in")
    recall.set_defaults(run=lambda message: measure_recall(message.images, message.planted, message.cache))
    cost = commands.add_parser("cost")
    cost.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    cost.set_defaults(run=lambda message: measure_cost(message.sizes))
    cv2.setNumThreads(1)
    message = parser.parse_args()
    message.run(message)


def measure_recall(number: int, planted: int, cache: Path | None) -> None:
    population = population_images(SEED, number)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rendered = pool.map(
            lambda image: render_image(image, size=PLANTED_SIDE, seed=SEED).pixels, population[:planted]
        )
        images = list(rendered)
    small = [*map(thumbnail, images), *selected(cache, population[planted:])]
    copies: list[tuple[str, int]] = []
    for name, disguise in disguises().items():
        for row, image in enumerate(images):
            small.append(thumbnail(disguise(image)))
            copies.append((name, row))
    source = np.array([*range(number), *(row for _, row in copies)])
    started = time.perf_counter()
    found = near_duplicates(np.array(small), workers=os.cpu_count() or 1)
    seconds = time.perf_counter() - started
    false = source[found.pairs[:, 0]] != source[found.pairs[:, 1]]
    pairs = {tuple(pair) for pair in found.pairs.tolist()}
    people = len({image.patient for image in population})
    print(f"{number:,} images of {people:,} generated patients, {len(copies):,} copies of {planted:,} planted")
    for name in disguises():
        rows = [number + place for place, (kind, _) in enumerate(copies) if kind == name]
        hits = sum((int(source[row]), row) in pairs for row in rows)
        print(f"  {name:28} {hits:5,} of {len(rows):,} found  {hits / len(rows):7.2%}")
    searched = len(small) * (len(small) - 1) // 2
    print(f"  false pairs: {int(false.sum()):,} of {searched:,}; {found.compared:,} pairs compared; {seconds:.1f} s")


def selected(cache: Path | None, population: list[Image]) -> Gray:
    """Thumbnails of images, rendered or from the cache."""
    place = cache / f"thumbnails-{population[0].image_id[:-4]}-{len(population)}.npy" if cache else None
    if place and place.is_file():
        stored: Gray = np.load(place)
        return stored
    small = np.empty((len(population), SIDE, SIDE), dtype=np.uint8)
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rendered = pool.map(lambda image: render_image(image, size=192, seed=SEED).pixels, population)
        for row, image in enumerate(rendered):
            small[row] = thumbnail(image)
            if (row + 1) % 1_000 == 0:
                print(f"  rendered {row + 1:,}, {(row + 1) / (time.perf_counter() - started):.0f}/s", flush=True)
    if place:
        with whole_file(place) as beside, beside.open("wb") as stream:
            np.save(stream, small)
    return small


def disguises() -> dict[str, Callable[[Gray], Gray]]:
    """What is done to an image of 512 x 512; displacements are pixels of 256 x 256."""

    def jpeg(image: Gray, quality: int) -> Gray:
        decoded = cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE
        )
        return np.asarray(decoded, dtype=np.uint8)

    def resized(image: Gray, *sides: int) -> Gray:
        for side in sides:
            larger = side > len(image)
            way = cv2.INTER_CUBIC if larger else cv2.INTER_AREA
            image = np.asarray(cv2.resize(image, (side, side), interpolation=way), dtype=np.uint8)
        return image

    def toned(image: Gray, contrast: float, brightness: float) -> Gray:
        return np.clip(contrast * image.astype(float) + brightness, 0, 255).astype(np.uint8)

    def moved(image: Gray, right: float, down: float) -> Gray:
        shift = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
        return np.asarray(cv2.warpAffine(resized(image, 256), shift, (256, 256)), dtype=np.uint8)

    return {
        "JPEG 95": lambda image: jpeg(image, 95),
        "JPEG 80": lambda image: jpeg(image, 80),
        "JPEG 60": lambda image: jpeg(image, 60),
        "512 to 1024 to 256": lambda image: resized(image, 1024, 256),
        "brighter (x 1.25 + 25)": lambda image: toned(image, 1.25, 25),
        "darker (x 0.7 - 10)": lambda image: toned(image, 0.7, -10),
        "gamma 1.6": lambda image: (255 * (image / 255) ** 1.6).astype(np.uint8),
        "moved by 1 px": lambda image: moved(image, 1, 0),
        "moved by 1 px both ways": lambda image: moved(image, -1, 1),
        "moved by 2 px": lambda image: moved(image, 0, 2),
        "moved by 2 px both ways": lambda image: moved(image, 2, -2),
        "2 px, x 0.8 + 20, JPEG 60": lambda image: jpeg(toned(moved(image, 2, -2), 0.8, 20), 60),
        "CLAHE (not promised)": lambda image: np.asarray(cv2.createCLAHE(2, (8, 8)).apply(image), dtype=np.uint8),
        "equalised (not promised)": lambda image: np.asarray(cv2.equalizeHist(image), dtype=np.uint8),
    }


def measure_cost(sizes: list[int]) -> None:
    print("images      hashing, s  searching, s  candidates  an image  growth of the time of searching")
    make = realistic_details()
    before: tuple[int, float] | None = None
    for number in sizes:
        started = time.perf_counter()
        blocks = [make(first, min(1_000, number - first)) for first in range(0, number, 1_000)]
        words = [np.concatenate([hashes(block, shift) for block in blocks]) for shift in SHIFTS]
        hashed = time.perf_counter() - started
        started = time.process_time()  # of the one thread that searches: other work on the machine counts less
        found = len(candidates(words[0], words))
        searching = time.process_time() - started
        growth = math.log(searching / before[1]) / math.log(number / before[0]) if before else None
        message = f"n^{growth:.2f}" if growth is not None else ""
        print(f"{number:<10,} {hashed:10.1f}  {searching:12.2f}  {found:10,}  {found / number:6.2f}  {message}")
        before = number, searching


def realistic_details() -> Callable[[int, int], NDArray[np.float32]]:
    """Makes details (count, 64, 64) with the mean and covariance of rendered images; every hundredth is a copy."""
    population = population_images(SEED, 600)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        small = list(pool.map(lambda image: thumbnail(render_image(image, size=192, seed=SEED).pixels), population))
    shown = details(np.array(small), COARSE).reshape(len(small), 32, 2, 32, 2).mean(axis=(2, 4)).reshape(len(small), -1)
    middle = shown.mean(axis=0)
    spread = (shown - middle) / np.float32(np.sqrt(len(shown)))

    def make(first: int, count: int) -> NDArray[np.float32]:
        draw = np.random.default_rng([SEED, first])
        made = middle + draw.standard_normal((count, len(spread)), dtype=np.float32) @ spread
        made[99::100] = made[98::100][: len(made[99::100])] + np.float32(0.05) * made[99::100]
        coarse = made.reshape(count, 32, 32)
        return np.repeat(np.repeat(coarse, 2, axis=1), 2, axis=2)

    return make


if __name__ == "__main__":
    main()
