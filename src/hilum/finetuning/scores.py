"""Scores of a run, in files beside its weights, identified by a hash of the pixels instead of an image id.

Image ids often contain patient ids, and directories of runs are shared. A hash of the id could be reversed by trying
all ids; a hash of the pixels only by someone who has the image.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.artifacts import whole_file
from hilum.data.store import Store
from hilum.errors import HilumError
from hilum.wording import counted

SCORES, PROBE_SCORES = "scores.parquet", "probe_scores.parquet"
"""Scores of the trained classifier, and of a linear probe of its initial features."""


def write_scores(scores: pl.DataFrame, store: Store, image_ids: Sequence[str], path: Path) -> None:
    """Write scores with a column `pixels`; images with identical pixels once.

    Args:
        scores: N rows, `p_<finding>` in [0, 1].
        store: Pixels of the N images.
        image_ids: Image ids of the rows.
        path: Path of the file.
    """
    pixels = pl.Series("pixels", store.pixel_hashes(list(image_ids)), dtype=pl.String)
    with whole_file(path) as beside:
        scores.select(pixels, pl.all()).unique("pixels", keep="first", maintain_order=True).write_parquet(beside)


def write_run_scores(
    scores: NDArray[np.floating],
    probed: NDArray[np.floating],
    findings: Sequence[str],
    store: Store,
    image_ids: Sequence[str],
    directory: Path,
) -> None:
    """Write the scores of a run and of its linear probe, (N, findings) each, to `SCORES` and `PROBE_SCORES`."""
    for values, name in ((scores, SCORES), (probed, PROBE_SCORES)):
        table = pl.DataFrame(values.astype(np.float32), schema=[f"p_{finding}" for finding in findings])
        write_scores(table, store, image_ids, directory / name)


def read_scores(path: Path, store: Store, image_ids: Sequence[str]) -> pl.DataFrame:
    """Read the scores of images, `image_id` and `p_<finding>`, in the given order.

    Args:
        path: SCORES or PROBE_SCORES in the directory of a run.
        store: Pixels of the images, with the preprocessing of the run.
        image_ids: Scored images; images that are not in the store are ignored.

    Raises:
        HilumError: An image was not scored.
    """
    scores = pl.read_parquet(path)
    here = [each for each, known in zip(image_ids, store.has(list(image_ids)), strict=True) if known]
    named = pl.DataFrame({"image_id": here}, schema={"image_id": pl.String})
    if "image_id" in scores.columns:  # earlier files identify scores by image_id
        found = named.join(scores, on="image_id", how="inner", maintain_order="left")
    else:
        named = named.with_columns(pl.Series("pixels", store.pixel_hashes(here), dtype=pl.String))
        found = named.join(scores, on="pixels", how="inner", maintain_order="left").drop("pixels")
    if len(found) < len(here):
        lacking = len(here) - len(found)
        raise HilumError(
            path,
            expected=f"scores of {counted(len(here))}",
            found=f"none of {lacking:,}",
            fix=f"The images were preprocessed again since; remove {path.parent} and score them again.",
        )
    return found
