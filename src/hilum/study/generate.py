"""Generated data sets of a study."""

import shutil
from pathlib import Path

import polars as pl

from hilum.artifacts import fingerprint, whole_directory
from hilum.data.collections import read_collection
from hilum.data.patients import mark_generated
from hilum.findings import CHESTXRAY14, NO_FINDING
from hilum.phantom import write_layout
from hilum.progress import ProgressReport
from hilum.study.file import Study
from hilum.study.file.section import FOLDER_LABELS

PHANTOM_VERSION = 2
"""Version of the generated images; studies generate them again when it changes."""


def generated_root(out: Path, name: str) -> Path:
    """Return the folder of a generated data set in the directory of a study."""
    return out / "generated" / name


def generation_key(study: Study, name: str) -> str:
    """Compute the fingerprint of a generated data set."""
    settings = study.data[name]
    images = settings.model_dump(mode="json")["generate"]
    for name in ("min_prevalence", "max_findings"):
        if images and not images[name]:
            del images[name]
    return fingerprint(["generate", PHANTOM_VERSION, settings.collection, images])


def is_generated(study: Study, name: str) -> bool:
    """Return whether a data set, or every part of a pool, is generated."""
    settings = study.data[name]
    if settings.pool is not None:
        return all(is_generated(study, part) for part in settings.pool)
    return settings.generate is not None


def generate(study: Study, name: str, out: Path, workers: int | None, on_progress: ProgressReport) -> None:
    """Generate a data set; its folder is complete or absent."""
    settings, root = study.data[name], generated_root(out, name)
    if settings.generate is None:
        raise ValueError(f"{name} is not generated")
    images = settings.generate
    shutil.rmtree(root, ignore_errors=True)  # complete, but not recorded

    def write(layout: str, directory: Path) -> None:
        write_layout(
            layout,
            directory,
            images=images.images,
            size=images.size,
            seed=images.seed,
            min_prevalence=images.min_prevalence,
            max_findings=images.max_findings,
            workers=workers,
            on_progress=on_progress,
        )

    if settings.collection == "folder":
        with whole_directory(root) as directory:
            write("chestxray14", directory / "images")
            write_labels(directory / "images", directory / FOLDER_LABELS)
            mark_generated(directory, images.seed)
    else:
        write(settings.collection, root)


def write_labels(root: Path, labels: Path) -> None:
    """Write the labels of ChestX-ray14 images as the CSV that the `folder` collection reads."""
    manifest = read_collection("chestxray14", root).manifest
    columns = ["patient_id", "view", "age", "sex", *CHESTXRAY14, NO_FINDING]
    path = pl.concat_str(pl.lit(f"{root.name}/"), "path").alias("path")
    manifest.select(path, *columns).write_csv(labels)
