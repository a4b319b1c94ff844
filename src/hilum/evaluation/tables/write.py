"""Results on disk: Parquet for programs, CSV for people, and what they were computed from."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hilum import __version__
from hilum.artifacts import file_sha256, whole_file, write_json


def write_results(
    directory: Path, name: str, table: pl.DataFrame, *, predictions: Sequence[Path], settings: dict[str, Any]
) -> Path:
    """Write <name>.parquet, <name>.csv and <name>.json; other files of the directory stay.

    Args:
        directory: where to; made if need be.
        name: "metrics" or "comparisons".
        table: the numbers.
        predictions: the files they were computed from; their SHA-256 goes into <name>.json.
        settings: resamples, seed, split and what else a reader needs to compute them again.

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
