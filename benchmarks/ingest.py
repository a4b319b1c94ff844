"""What reading the six data sets of study 4 costs: generated tables of their real sizes, time and peak memory.

    python benchmarks/ingest.py [--patient-fraction 1.0] [--files chexpert] [--out ingest.json]

Tables in the native layouts, as long as the sets are in Tayebi Arasteh et al. 2024, Table 1 (805,805 images;
VinDr-CXR's training images have three rows each), with made-up codes at about the real rates. Images are not there and
allowed to be missing; one set (--files) is read with an empty file for every image, so that looking for the files is
timed too. Memory is the peak of the process that reads, with all six manifests held at once.
"""

import argparse
import gzip
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from hilum.data.collections import read_collection
from hilum.data.manifest import write_manifest
from hilum.findings import CHESTXRAY14, CHEXPERT, labelled_by, native

SIZES = {
    "vindr_cxr": 18_000,
    "chestxray14": 112_120,
    "chexpert": 157_878,
    "mimic_cxr_jpg": 213_921,
    "uka_cxr": 193_361,
    "padchest": 110_525,
}
IMAGES_A_PATIENT = 3
TARGET_SECONDS, TARGET_GIB = 60, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patient-fraction", type=float, default=1.0, help="Of the real sizes.")
    parser.add_argument("--files", choices=[*SIZES, "none"], default="chexpert", help="Set that gets empty files.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, size in SIZES.items():
            (root / name).mkdir()
            WRITERS[name](root / name, round(size * chosen.share), np.random.default_rng(0))
        # another process reads, so that writing the tables does not count
        with get_context("spawn").Pool(1) as pool:
            rows, peak = pool.apply(read_all, (root,))
        total, images = sum(row["seconds"] for row in rows), sum(row["images"] for row in rows)
        for row in rows:
            sys.stdout.write(f"{row['name']:14} {row['images']:>9,} images  {row['seconds']:>6.1f} s\n")
        sys.stdout.write(f"{'all six':14} {images:>9,} images  {total:>6.1f} s  peak {peak:.2f} GiB\n")
        sys.stdout.write(f"{'target':14} {'':>15}  {TARGET_SECONDS:>6.1f} s  peak {TARGET_GIB:.2f} GiB\n")
        with_files = None
        if chosen.files != "none":
            touch_images(root / chosen.files, chosen.files, root / "read" / f"{chosen.files}.parquet")
            with get_context("spawn").Pool(1) as pool:
                with_files = pool.apply(read_one, (chosen.files, root / chosen.files, False))
            sys.stdout.write(f"{chosen.files}, with its files: {with_files['seconds']:.1f} s\n")
    if chosen.out is not None:
        content = {"share": chosen.share, "sets": rows, "peak_gib": peak, "with_files": with_files}
        chosen.out.write_text(json.dumps(content, indent=2) + "\n")


def read_all(root: Path) -> tuple[list[dict], float]:
    """Read and write six manifests, held at once; and the peak of this process, GiB."""
    held = [read_one(name, root / name, True, root / "read" / f"{name}.parquet") for name in SIZES]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "linux" else 2**30)
    return [{key: value for key, value in row.items() if key != "manifest"} for row in held], peak


def read_one(name: str, root: Path, allow_missing: bool, out: Path | None = None) -> dict:
    start = time.perf_counter()
    manifest = read_collection(name, root, allow_missing=allow_missing).manifest
    if out is not None:
        write_manifest(manifest, out)
    seconds = time.perf_counter() - start
    selected = {"manifest": manifest} if out is not None else {}
    return {"name": name, "images": len(manifest), "seconds": seconds} | selected


def touch_images(root: Path, name: str, manifest: Path) -> None:
    """An empty file for every image of a set."""
    ids = pl.read_parquet(manifest)
    for image in ids.select("image_id", "patient_id", "study_id").rows():
        path = root / PLACES[name](*image)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


PLACES: dict[str, Callable[[str, str, str], str]] = {
    "vindr_cxr": lambda image, _patient, _study: f"train/{image}.dicom",
    "chestxray14": lambda image, _patient, _study: f"images/{image}",
    "chexpert": lambda image, _patient, _study: image,
    "mimic_cxr_jpg": lambda image, patient, study: f"files/p{patient[:2]}/p{patient}/s{study}/{image}.jpg",
    "uka_cxr": lambda image, _patient, _study: f"images/{image}.png",
    "padchest": lambda image, _patient, _study: f"{int(image[:6]) % 55}/{image}",
}


def certainty(count: int, draw: np.random.Generator) -> pl.DataFrame:
    """CheXpert's 14 columns: mostly blank."""
    codes = np.array(["", "1.0", "0.0", "-1.0"])
    return pl.DataFrame({name: codes[draw.choice(4, count, p=[0.72, 0.14, 0.10, 0.04])] for name in CHEXPERT})


def numbers(count: int) -> pl.DataFrame:
    """`image`, `patient` and `follow_up`, three images a patient."""
    image = pl.Series("image", range(count), dtype=pl.Int64)
    return pl.DataFrame({"image": image, "patient": image // IMAGES_A_PATIENT, "follow_up": image % IMAGES_A_PATIENT})


def padded(column: str, digits: int) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.zfill(digits)


def write_chestxray14(root: Path, count: int, draw: np.random.Generator) -> None:
    labels = [native(finding, "chestxray14") for finding in CHESTXRAY14]
    cells = np.array(["No Finding", *labels, *(f"{a}|{b}" for a in labels for b in labels if a < b)])
    numbers(count).select(
        pl.format("{}_{}.png", padded("patient", 8), padded("follow_up", 3)).alias("Image Index"),
        pl.Series("Finding Labels", cells[draw.integers(len(cells), size=count)]),
        pl.col("follow_up").alias("Follow-up #"),
        pl.col("patient").alias("Patient ID"),
        (pl.col("patient") % 90).alias("Patient Age"),
        pl.lit("F").alias("Patient Gender"),
        pl.lit("PA").alias("View Position"),
    ).write_csv(root / "Data_Entry_2017_v2020.csv")


def write_chexpert(root: Path, count: int, draw: np.random.Generator) -> None:
    name = "CheXpert-v1.0/train/patient{}/study{}/view1_frontal.jpg"
    rows = numbers(count).select(
        pl.format(name, padded("patient", 5), pl.col("follow_up") + 1).alias("Path"),
        pl.lit("Female").alias("Sex"),
        (pl.col("patient") % 73 + 18).alias("Age"),
        pl.lit("Frontal").alias("Frontal/Lateral"),
        pl.lit("AP").alias("AP/PA"),
    )
    rows.hstack(certainty(count, draw)).write_csv(root / "train.csv")


def write_mimic_cxr_jpg(root: Path, count: int, draw: np.random.Generator) -> None:
    rows = numbers(count).select(
        dicom_id=pl.format("{}-0badcafe-0badcafe-0badcafe-0badcafe", padded("image", 8)),
        subject_id=pl.col("patient") + 10_000_000,
        study_id=pl.col("image") + 50_000_000,
        ViewPosition=pl.lit("AP"),
        StudyDate=pl.lit("21800506"),
        split=pl.lit("train"),
    )
    tables = {
        "metadata": rows.drop("split"),
        "split": rows.select("dicom_id", "study_id", "subject_id", "split"),
        "chexpert": rows.select("subject_id", "study_id").hstack(certainty(count, draw)),
    }
    for name, table in tables.items():
        (root / f"mimic-cxr-2.0.0-{name}.csv.gz").write_bytes(gzip.compress(table.write_csv().encode(), 6))


def write_padchest(root: Path, count: int, draw: np.random.Generator) -> None:
    terms = np.array([*labelled_by("padchest").values(), "unchanged", "pseudonodule", "increased density"])
    words = terms[draw.integers(len(terms), size=(count, 3))]
    report = "cardiomegali . derram pleural izquierd . " * 6
    numbers(count).select(
        pl.format("{}_2168401113669640128192070611_04-014-084.png", padded("image", 6)).alias("ImageID"),
        (pl.col("image") % 55).alias("ImageDir"),
        pl.lit("20140915").alias("StudyDate_DICOM"),
        pl.format("16840111366964012819207061112010{}", padded("image", 6)).alias("StudyID"),
        pl.format("8398604886942923316379882356{}", padded("patient", 6)).alias("PatientID"),
        pl.lit("1930.0").alias("PatientBirth"),
        pl.lit("F").alias("PatientSex_DICOM"),
        pl.lit("PA").alias("Projection"),
        pl.lit(report).alias("Report"),
        pl.Series("Labels", [f"['{a}', '{b}', ' {c}']" for a, b, c in words]),
    ).write_csv(root / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv")


def write_uka_cxr(root: Path, count: int, draw: np.random.Generator) -> None:
    names = [name for name in labelled_by("uka_cxr").values() if name != "healthy"]
    grades = {name: draw.choice(5, count, p=[0.7, 0.08, 0.1, 0.08, 0.04]) for name in names}
    numbers(count).select(
        pl.format("f{}", "image").alias("image_id"),
        pl.format("images/f{}.png", "image").alias("path"),
        pl.format("P{}", "patient").alias("patient_id"),
        *(pl.Series(name, grade) for name, grade in grades.items()),
    ).write_csv(root / "uka_cxr.csv")


def write_vindr_cxr(root: Path, count: int, draw: np.random.Generator) -> None:
    (root / "annotations").mkdir()
    images = numbers(count).select(image_id=pl.format("{}", padded("image", 32)))
    train, test = images.head(count - count // 6), images.tail(count // 6)
    readers = pl.DataFrame({"rad_id": ["R1", "R2", "R3"]})
    for part, rows in (("train", train.join(readers, how="cross")), ("test", test)):
        codes = [
            pl.Series(name, (draw.random(len(rows)) < 0.05).astype(np.int8))
            for name in labelled_by("vindr_cxr").values()
        ]
        rows.hstack(codes).write_csv(root / "annotations" / f"image_labels_{part}.csv")


WRITERS: dict[str, Callable[[Path, int, np.random.Generator], None]] = {
    "vindr_cxr": write_vindr_cxr,
    "chestxray14": write_chestxray14,
    "chexpert": write_chexpert,
    "mimic_cxr_jpg": write_mimic_cxr_jpg,
    "uka_cxr": write_uka_cxr,
    "padchest": write_padchest,
}


if __name__ == "__main__":
    main()
