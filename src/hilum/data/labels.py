"""From the manifest's codes to numbers to learn from: what uncertain and not mentioned shall mean."""

from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.manifest import finding_columns
from hilum.errors import HilumError

Uncertain: TypeAlias = Literal["zero", "one", "ignore", "drop"]
NotMentioned: TypeAlias = Literal["zero", "ignore"]


def targets(
    manifest: pl.DataFrame, findings: list[str], *, uncertain: Uncertain, not_mentioned: NotMentioned
) -> tuple[list[str], NDArray[np.float32]]:
    """Targets of some findings, film by film.

    Args:
        manifest: N films.
        findings: canonical names, F of them; columns of the manifest.
        uncertain: what -1 becomes: "zero" negative, "one" positive (both from CheXpert, Irvin et al. 2019, §3.1),
            "ignore" NaN, which losses and metrics leave out; "drop" leaves the whole film out.
        not_mentioned: what null becomes: "zero" negative, or "ignore" NaN.

    Returns:
        The ids of the K films kept, in the manifest's order, and their (K, F) targets: 0, 1 or NaN.

    Raises:
        HilumError: a finding that the manifest lacks.
    """
    _require(manifest, findings)
    codes = pl.concat([manifest.select("image_id"), manifest.select(findings)], how="horizontal")
    if uncertain == "drop":
        codes = codes.filter(~pl.any_horizontal(pl.col(findings).eq_missing(-1)))
    uncertain_as = {"zero": 0.0, "one": 1.0, "ignore": float("nan"), "drop": 0.0}[uncertain]
    null_as = 0.0 if not_mentioned == "zero" else float("nan")
    coded = pl.col(findings).cast(pl.Float32)
    numbers = codes.select(pl.when(coded == -1).then(uncertain_as).otherwise(coded).fill_null(null_as).name.keep())
    return codes["image_id"].to_list(), numbers.select(pl.all().cast(pl.Float32)).to_numpy()


def keep_only(manifest: pl.DataFrame, any_of: list[str]) -> pl.DataFrame:
    """The films that are positive for at least one of these findings, such as Pneumonia or No Finding.

    Raises:
        HilumError: a finding that the manifest lacks.
    """
    _require(manifest, any_of)
    return manifest.filter(pl.any_horizontal(pl.col(any_of).eq_missing(1)))


def _require(manifest: pl.DataFrame, findings: list[str]) -> None:
    here = finding_columns(manifest)
    missing = [name for name in findings if name not in here]
    if missing or not findings:
        raise HilumError(
            "findings",
            expected=f"findings of this data set ({', '.join(here) or 'it has none'})",
            found=", ".join(missing) or "none",
            fix="Name findings that the data set has.",
        )
