"""Scores of a run, in files beside its weights: each known by the pixels that were scored, not by a name.

Names of images often hold the id of their patient, and a run's directory is what people share. A hash of the name would
not do: names are short and can be tried out. Pixels cannot: whoever can make the hash has the image.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hilum.artifacts import whole_file
from hilum.data.store import Store
from hilum.errors import HilumError

SCORES, PROBE_SCORES = "scores.parquet", "probe_scores.parquet"
"""Of the trained classifier, and of a linear probe of the features that it started from."""


def write_scores(scores: pl.DataFrame, store: Store, image_ids: Sequence[str], path: Path) -> None:
    """Write scores: `pixels`, and the columns of the scores; images of the same pixels once.

    Args:
        scores: (N) rows, `p_<finding>` in [0, 1].
        store: pixels of the N images.
        image_ids: of the rows.
        path: of the file to write.
    """
    pixels = pl.Series("pixels", store.pixel_hashes(list(image_ids)), dtype=pl.String)
    with whole_file(path) as beside:
        scores.select(pixels, pl.all()).unique("pixels", keep="first", maintain_order=True).write_parquet(beside)


def read_scores(path: Path, store: Store, image_ids: Sequence[str]) -> pl.DataFrame:
    """The scores of images, as `image_id` and `p_<finding>`, in the order in which the images are named.

    Args:
        path: SCORES or PROBE_SCORES in the directory of a run.
        store: pixels of the images, preprocessed as those that were scored.
        image_ids: of images that were scored; those that the store lacks are left out.

    Raises:
        HilumError: an image was not scored.
    """
    scores = pl.read_parquet(path)
    here = [each for each, known in zip(image_ids, store.has(list(image_ids)), strict=True) if known]
    named = pl.DataFrame({"image_id": here}, schema={"image_id": pl.String})
    if "image_id" in scores.columns:  # written before scores were known by pixels
        found = named.join(scores, on="image_id", how="inner", maintain_order="left")
    else:
        named = named.with_columns(pl.Series("pixels", store.pixel_hashes(here), dtype=pl.String))
        found = named.join(scores, on="pixels", how="inner", maintain_order="left").drop("pixels")
    if len(found) < len(here):
        lacking = len(here) - len(found)
        raise HilumError(
            path,
            expected=f"scores of {len(here):,} images",
            found=f"none of {lacking:,}",
            fix=f"The images were prepared anew since; remove {path.parent} and score them again.",
        )
    return found
