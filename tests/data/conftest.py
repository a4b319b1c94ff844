from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest


@pytest.fixture
def films() -> Callable[..., pl.DataFrame]:
    """Makes a manifest: `films(["p1", "p1", "p2"], Mass=[1, 0, None], split=[...])`, ids a0, a1, …, paths a0.png, …"""

    def make(patients: list[str], **columns: list) -> pl.DataFrame:
        ids = [f"a{number}" for number in range(len(patients))]
        text = pl.Series([None] * len(ids), dtype=pl.String)
        manifest = pl.DataFrame(
            {
                "image_id": pl.Series(ids, dtype=pl.String),
                "path": pl.Series([f"{image_id}.png" for image_id in ids], dtype=pl.String),
                "patient_id": pl.Series(patients, dtype=pl.String),
                "study_id": text,
                "view": text,
                "age": text.cast(pl.Float64),
                "sex": text,
                "split": text,
            }
        )
        for name, values in columns.items():
            name = name.replace("_", " ") if name[0].isupper() else name
            dtype = pl.Int8 if name[0].isupper() else pl.Float64 if name == "age" else pl.String
            manifest = manifest.with_columns(pl.Series(name, values, dtype=dtype))
        return manifest

    return make


@pytest.fixture
def radiographs() -> Callable[[Path, pl.DataFrame], Path]:
    """Writes a smooth gray PNG for every path of a manifest below a folder, each another one."""

    def write(root: Path, manifest: pl.DataFrame, size: int = 40) -> Path:
        root.mkdir(parents=True, exist_ok=True)
        for number, path in enumerate(manifest["path"]):
            noise = np.random.default_rng(number).integers(0, 256, (5, 5), dtype=np.uint8)
            cv2.imwrite(str(root / path), cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC))
        return root

    return write
