"""Result tables on disk: Parquet, CSV, and a record of their inputs and settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hilum import __version__
from hilum.artifacts import file_sha256, whole_file, write_json


def write_results(
    directory: Path, name: str, table: pl.DataFrame, *, predictions: Sequence[Path], settings: dict[str, Any]
) -> Path:
    """Write <name>.parquet, <name>.csv and <name>.json; other files of the directory are kept.

    Args:
        directory: Output directory, created if missing.
        name: "metrics" or "comparisons".
        table: Results.
        predictions: Files of the predictions; their SHA-256 is recorded in <name>.json.
        settings: Number of resamples, seed, split and all other settings needed to reproduce the results.

    Returns:
        Path of the Parquet file, which is written last.
    """
    sources = [{"path": str(path), "sha256": file_sha256(path)} for path in predictions]
    write_json(directory / f"{name}.json", {"hilum": __version__, "predictions": sources, **settings})
    with whole_file(directory / f"{name}.csv") as beside:
        table.write_csv(beside)
    with whole_file(directory / f"{name}.parquet") as beside:
        table.write_parquet(beside)
    return directory / f"{name}.parquet"
