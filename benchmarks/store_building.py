"""Building the pixel store: one worker against several, side by side, for each kind of image.

    python benchmarks/store_building.py [--workers 2] [--images 64] [--rounds 5] [--out store_building.json]

Images are 1,024 px: 8-bit PNG; 12-bit DICOM uncompressed, as JPEG lossless and as JPEG 2000. Smooth noise with grain,
    so
that files are about as large as real ones. Rounds alternate between one worker and several, so that a drifting machine
drifts for both; the ratio is of medians. `busy` is the processor time of all threads and decoder processes over the
wall time. On a machine that does nothing else, one worker has 1; where several have less than their number, they waited
for each other or for the disk. `machine` is the same ratio for threads that only hash bytes, which share nothing: what
this machine can give at best at the moment.
"""

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import gdcm
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from hilum.artifacts import write_json
from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store

SIDE = 1024
RECIPE = parse_recipe([{"square": "pad"}, {"resize": 224}, "clahe"])
KINDS = {"png": None, "dicom": "", "jpeg lossless": "JPEGLosslessProcess14_1", "jpeg 2000": "JPEG2000Lossless"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {"machine": machine(options.workers, options.rounds)}
    print(f"{'machine':14} ratio {results['machine']['ratio']:.2f}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            root = Path(folder, kind)
            root.mkdir()
            names = [write_image(root, number, kind) for number in range(8)]
            manifest = images(names * (options.images // len(names)))
            results[kind] = compare(manifest, root, Path(folder, "store"), options.workers, options.rounds)
            print(f"{kind:14} {describe(results[kind], options.workers)}", flush=True)
    if options.out:
        write_json(options.out, {"workers": options.workers, "images": options.images, "kinds": results})


def compare(manifest: pl.DataFrame, root: Path, store: Path, workers: int, rounds: int) -> dict[str, float]:
    """Images a second with one worker and with several, their ratio, and how busy several keep the processor."""
    build_store(manifest, root, RECIPE, store.with_name("warm"), workers=workers)  # starts the decoders too
    seconds: dict[int, list[float]] = {1: [], workers: []}
    busy: dict[int, list[float]] = {1: [], workers: []}
    for number in range(rounds):
        for count in (1, workers):
            directory = store.with_name(f"store-{root.name}-{number}-{count}")
            began, used = time.perf_counter(), processor_seconds()
            build_store(manifest, root, RECIPE, directory, workers=count)
            seconds[count].append(time.perf_counter() - began)
            busy[count].append((processor_seconds() - used) / seconds[count][-1])
    rate = {count: len(manifest) / statistics.median(taken) for count, taken in seconds.items()}
    return {
        "one": rate[1],
        "several": rate[workers],
        "ratio": rate[workers] / rate[1],
        "busy_one": statistics.median(busy[1]),
        "busy_several": statistics.median(busy[workers]),
    }


def machine(workers: int, rounds: int) -> dict[str, float]:
    """How much faster several threads hash bytes than one."""
    content = bytes(64 << 20)
    seconds: dict[int, list[float]] = {1: [], workers: []}
    for _ in range(rounds):
        for count in (1, workers):
            with ThreadPoolExecutor(count) as pool:
                began = time.perf_counter()
                list(pool.map(lambda _: hashlib.sha256(content).digest(), range(4 * workers)))
                seconds[count].append(time.perf_counter() - began)
    return {"ratio": statistics.median(seconds[1]) / statistics.median(seconds[workers])}


def describe(result: dict[str, float], workers: int) -> str:
    return (
        f"1 worker {result['one']:6.1f} images/s (busy {result['busy_one']:.2f})   "
        f"{workers} workers {result['several']:6.1f} images/s (busy {result['busy_several']:.2f})   "
        f"ratio {result['ratio']:.2f}"
    )


def processor_seconds() -> float:
    """Of this process, all its threads, and the decoders that it started (Linux)."""
    total = time.process_time()
    ticks = os.sysconf("SC_CLK_TCK")
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == os.getpid():
            total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def images(names: list[str]) -> pl.DataFrame:
    return pl.DataFrame({"image_id": [f"film{number}" for number in range(len(names))], "path": names})


def write_image(root: Path, number: int, kind: str) -> str:
    generator = np.random.default_rng(number)
    smooth = cv2.resize(generator.random((12, 12)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    image = np.clip(smooth * 3000 + generator.normal(0, 12, (SIDE, SIDE)), 0, 4095).astype(np.uint16)
    if kind == "png":
        cv2.imwrite(str(root / f"{number}.png"), (image // 16).astype(np.uint8))
        return f"{number}.png"
    path = root / f"{number}.dcm"
    write_dicom(path, image)
    if KINDS[kind]:
        recode(path, str(KINDS[kind]))
    return path.name


def write_dicom(path: Path, image: NDArray[np.uint16]) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID = ExplicitVRLittleEndian, UID("1.2.3")
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = ComputedRadiographyImageStorage, "1.2.3", "CR"
    dataset.Rows, dataset.Columns = image.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME1", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.WindowCenter, dataset.WindowWidth = 1500, 3000
    dataset.PixelData = image.tobytes()
    dataset.save_as(path, enforce_file_format=True)


def recode(path: Path, syntax: str) -> None:
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    writer.Write()


if __name__ == "__main__":
    main()
