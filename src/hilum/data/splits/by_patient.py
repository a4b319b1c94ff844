"""Random splits of patients, stratified by findings, and nested fractions of the training patients."""

from dataclasses import replace
from math import gcd

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.manifest import finding_columns
from hilum.data.splits.split import PARTS, Split
from hilum.draws import Stream, image_keys, shuffled
from hilum.errors import HilumError


def patient_split(manifest: pl.DataFrame, percent: tuple[int, int, int], seed: int) -> Split:
    """Split patients at random into train, val and test, stratified by all findings.

    Patients are sorted by their findings, rarest finding first (then by their number of images), and assigned in
    permuted blocks: every run of 100/gcd(percent) neighbours has exactly the requested percentages, in random order.
    Every finding, and every frequent combination of findings, is therefore distributed proportionally.

    Args:
        manifest: Images with `patient_id` and findings.
        percent: Percentages of patients in train, val and test; integers that sum to 100, exact within one block.
        seed: Random seed.

    Raises:
        HilumError: Percentages that do not sum to 100, or too few patients for a part.
    """
    if len(percent) != 3 or sum(percent) != 100 or min(percent) < 0:
        raise HilumError(
            "split.patients",
            expected="three fractions that sum to 1",
            found=str([part / 100 for part in percent]),
            fix="Use [0.7, 0.1, 0.2].",
        )
    assignment = assign_patients(manifest, dict(zip(PARTS, percent, strict=True)), seed)
    shares = "-".join(str(share) for share in percent)
    return Split(f"patients-{shares}-s{seed}", assignment)


def label_fraction(split: Split, percent: float, seed: int) -> Split:
    """Keep a fraction of the training patients; val and test are unchanged.

    With the same seed the patients of a smaller fraction are a subset of those of a larger one.

    Args:
        split: Split to reduce.
        percent: Percentage of the training patients, 0 < percent ≤ 100; at least one patient is kept.
        seed: Random seed.

    Raises:
        HilumError: Percent out of range.
    """
    if not 0 < percent <= 100:
        raise HilumError("labels", expected="more than 0 and at most 100 percent", found=str(percent), fix="Use 10.")
    training = pl.col("split") == "train"
    selected = sample_patients(split.assignment.filter(training)["patient_id"], percent, seed)
    assignment = split.assignment.filter(~training | pl.col("patient_id").is_in(selected.implode()))
    return replace(split, name=f"{split.name}-{percent:g}pct", assignment=assignment)


def sample_patients(patient_ids: pl.Series, percent: float, seed: int) -> pl.Series:
    """Sample a percentage of the patients, at least one; a smaller sample is a subset of a larger one.

    Args:
        patient_ids: Patient ids, repeated or not.
        percent: 0 < percent ≤ 100.
        seed: Random seed.
    """
    patients = patient_ids.unique().sort()
    order = shuffled(seed, image_keys(patients), use=Stream.FRACTION)
    return patients.gather(order[: max(1, round(len(patients) * percent / 100))])


def assign_patients(
    manifest: pl.DataFrame, shares: dict[str, int], seed: int, *, use: Stream = Stream.SPLIT
) -> pl.DataFrame:
    """Assign the patients of a manifest to parts; see `patient_split`.

    Args:
        manifest: Images with `patient_id` and findings.
        shares: Percentage of the patients for each part; they sum to 100.
        seed: Random seed.
        use: Stream of `draws.shuffled`; different streams are independent.

    Returns:
        `image_id`, `patient_id`, `split` in the manifest's order.

    Raises:
        HilumError: Too few patients for a part.
    """
    findings = finding_columns(manifest)
    patients = (
        manifest.group_by("patient_id")
        .agg(*(pl.col(name).eq_missing(1).any() for name in findings), pl.len().alias("images"))
        .sort("patient_id")
    )
    rarest_first = sorted(findings, key=lambda name: (patients[name].sum(), name))
    drawn = np.empty(len(patients), dtype=np.int64)
    drawn[shuffled(seed, image_keys(patients["patient_id"]), use=use)] = np.arange(len(patients))
    lined_up = patients.select("patient_id", "images", *rarest_first, pl.Series("drawn", drawn)).sort(
        *rarest_first, "images", "drawn", descending=[True] * (len(rarest_first) + 1) + [False]
    )
    pattern = _pattern(shares)
    block = np.arange(len(patients)) // len(pattern)
    by_draw_within_block = np.lexsort((lined_up["drawn"].to_numpy(), block))
    parts = np.empty(len(patients), dtype=object)
    parts[by_draw_within_block] = np.resize(pattern, len(patients))
    dealt = lined_up.select("patient_id", pl.Series("split", parts.tolist(), dtype=pl.String))
    for part, share in shares.items():
        if share and part not in dealt["split"]:
            raise HilumError(
                "split", expected=f"enough patients for {share} % {part}", found=f"{len(patients)}", fix="Add patients."
            )
    return manifest.select("image_id", "patient_id").join(dealt, on="patient_id", how="left", maintain_order="left")


def _pattern(shares: dict[str, int]) -> NDArray[np.str_]:
    """Return the parts in an order that keeps every beginning of a block close to the percentages."""
    length = 100 // gcd(*shares.values())
    ideal = [(place + 0.5) / share for share in shares.values() if share for place in range(share * length // 100)]
    parts = [part for part, share in shares.items() if share for _ in range(share * length // 100)]
    return np.array(parts)[np.argsort(ideal, kind="stable")]
