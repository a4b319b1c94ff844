"""Power analysis of a planned test set: `hilum.power` and `hilum power`."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

import polars as pl

from hilum.declared import Bounds
from hilum.errors import HilumError
from hilum.evaluation.inference import (
    Assumptions,
    TestSet,
    images_for_difference,
    number_or_null,
    smallest_detectable_difference,
)
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.wording import counted

_AUROCS = (0.6, 0.7, 0.8, 0.9)
_CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.9)
_SEEDS = (2, 3, 5, 10, 20)
_Fraction = Annotated[float, Bounds(gt=0, lt=1)]


@dataclass(frozen=True, repr=False)
class PowerResult(Result):
    """Smallest detectable differences in AUROC of a test set.

    Attributes:
        directory: None; nothing is written.
        about: Counts, assumptions and results, as `hilum power --json` prints them.
        smallest_difference: Smallest difference in AUROC that the test detects; None if even a perfect arm is not
            detected.
        smallest_differences: The same for other AUROCs of the weaker arm (rows) and other correlations of the arms
            (columns); null where even a perfect arm is not detected.
        needed: Positive and negative images, and patients, needed to detect `difference`, for numbers of seeds; null
            where no number of images is enough. None without a difference.
    """

    smallest_difference: float | None
    smallest_differences: pl.DataFrame
    needed: pl.DataFrame | None

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`smallest_differences`, and `needed` if a difference is given."""
        needed = {} if self.needed is None else {"needed": self.needed}
        return {"smallest_differences": self.smallest_differences, **needed}

    @property
    def summary(self) -> list[str]:
        """Test set, and its smallest detectable difference."""
        about, smallest = self.about, self.smallest_difference
        counts = f"{about['positives']:,} positive and {about['negatives']:,} negative images"
        if about["patients"] is not None:
            counts += f" of {counted(about['patients'], 'patient')}, design effect {about['design_effect']:.1f}"
        power, auroc = f"{100 * about['power']:.0f} % power", about["auroc"]
        if smallest is None:
            return [counts, f"Even a perfect arm is not detected with {power} against an AUROC of {auroc:g}."]
        level = f"at the {100 * about['significance']:.0f} % level"
        detected = f"{smallest:.3f} (from {auroc:.3f} to {auroc + smallest:.3f})"
        return [counts, f"Smallest detectable difference with {power} {level}: {detected}"]

    def _shown(self) -> dict[str, pl.DataFrame]:
        return self.tables


@checked_arguments
def power(
    positives: Annotated[int, Bounds(ge=2)],
    negatives: Annotated[int, Bounds(ge=2)],
    patients: Annotated[int | None, Bounds(ge=2)] = None,
    *,
    auroc: _Fraction = Assumptions.auroc,
    correlation: Annotated[float, Bounds(ge=0, lt=1)] = Assumptions.correlation,
    within_patients: Annotated[float, Bounds(ge=0, le=1)] = Assumptions.within_patients,
    power: _Fraction = Assumptions.power,
    significance: _Fraction = Assumptions.significance,
    seeds: Annotated[int, Bounds(ge=1)] = Assumptions.seeds,
    seed_sd: Annotated[float, Bounds(ge=0)] = Assumptions.seed_sd,
    difference: Annotated[float | None, Bounds(gt=0, lt=1)] = None,
) -> PowerResult:
    """Compute the smallest difference in AUROC that a paired, two-sided test detects on a test set.

    Only the numbers of images and patients are needed (Hanley & McNeil 1982), before any training. One comparison is
    assumed; several need larger differences.

    Args:
        positives, negatives: Numbers of test images with and without the finding, at least 2 each.
        patients: Number of test patients; None: one per image.
        auroc: Expected AUROC of the weaker arm, above 0 and below 1.
        correlation: Correlation of the AUROCs of the two arms, 0 to below 1; 0.4 to 0.8 for similar arms.
        within_patients: Correlation of images of one patient, 0 to 1.
        power: Power of the test (1 - type II error rate).
        significance: Two-sided significance level of the test.
        seeds: Number of training runs (seeds) per arm.
        seed_sd: Standard deviation of the AUROC between seeds, which are then a random factor, like readers in a
            multi-reader study; needs two seeds.
        difference: Difference in AUROC to detect: also compute the images needed, at this prevalence.

    Raises:
        HilumError: A count or assumption is out of range.

    Example:
        >>> import hilum
        >>> result = hilum.power(1089, 24507, patients=2797)
        >>> round(result.smallest_difference, 3)
        0.051
        >>> planned = hilum.power(200, 1800, seeds=10, seed_sd=0.02, difference=0.03)
        >>> planned.needed["seeds"].to_list(), planned.needed["positives"].to_list()
        ([2, 3, 5, 10, 20], [None, None, None, 2608, 987])
    """
    if difference is not None and not 0 < difference < 1 - auroc:
        fix = "Give a difference in AUROC, such as 0.02."
        raise HilumError("--difference", expected=f"above 0, below {1 - auroc:g}", found=f"{difference:g}", fix=fix)
    counts = TestSet(positives, negatives, patients)
    assumed = Assumptions(
        auroc=auroc,
        correlation=correlation,
        within_patients=within_patients,
        power=power,
        significance=significance,
        seeds=seeds,
        seed_sd=seed_sd,
    )
    smallest = number_or_null(smallest_detectable_difference(counts, assumed))
    needed = None if difference is None else _needed(counts, assumed, difference)
    about: dict[str, Any] = {
        "positives": positives,
        "negatives": negatives,
        "patients": patients,
        "auroc": auroc,
        "correlation": correlation,
        "within_patients": within_patients,
        "power": power,
        "significance": significance,
        "design_effect": counts.design_effect(within_patients),
        "seeds": seeds,
        "seed_sd": seed_sd,
        "smallest_difference": smallest,
        "difference": difference,
        "needed": [] if needed is None else needed.to_dicts(),
    }
    return PowerResult(None, about, smallest, _smallest_differences(counts, assumed), needed)


def _smallest_differences(counts: TestSet, assumed: Assumptions) -> pl.DataFrame:
    columns: dict[str, list[float | None]] = {"auroc": list(_AUROCS)}
    for correlation in _CORRELATIONS:
        others = [replace(assumed, auroc=auroc, correlation=correlation) for auroc in _AUROCS]
        columns[f"correlation {correlation:g}"] = [
            number_or_null(smallest_detectable_difference(counts, other)) for other in others
        ]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))


def _needed(counts: TestSet, assumed: Assumptions, difference: float) -> pl.DataFrame:
    rows: list[dict[str, int | None]] = []
    for seeds in sorted({assumed.seeds, *(_SEEDS if assumed.seed_sd else ())}):
        enough = images_for_difference(counts, difference, replace(assumed, seeds=seeds))
        images = (None, None, None) if enough is None else (enough.positives, enough.negatives, enough.patients)
        rows.append(dict(zip(("seeds", "positives", "negatives", "patients"), (seeds, *images), strict=True)))
    return pl.DataFrame(rows, schema=dict.fromkeys(("seeds", "positives", "negatives", "patients"), pl.Int64))
