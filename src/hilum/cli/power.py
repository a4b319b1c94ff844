"""Command `hilum power`: minimum detectable difference in AUROC of a test set."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table
from hilum.cli.options import AsJson
from hilum.wording import counted


def power(
    positives: Annotated[int, typer.Option(min=2, help="Number of test images with the finding.")],
    negatives: Annotated[int, typer.Option(min=2, help="Number of test images without the finding.")],
    patients: Annotated[
        int | None, typer.Option(min=2, help="Number of test patients. Default: one per image.")
    ] = None,
    auroc: Annotated[float, typer.Option(help="Expected AUROC of the weaker arm.")] = 0.8,
    correlation: Annotated[
        float, typer.Option(help="Correlation of the AUROCs of the two arms; 0.4 to 0.8 for similar arms.")
    ] = 0.5,
    within_patients: Annotated[float, typer.Option(help="Correlation of images of one patient, 0 to 1.")] = 0.5,
    power_level: Annotated[float, typer.Option("--power", help="Power of the test (1 - type II error rate).")] = 0.8,
    significance: Annotated[float, typer.Option(help="Two-sided significance level of the test.")] = 0.05,
    seeds: Annotated[int, typer.Option(min=1, help="Number of training runs (seeds) per arm.")] = 1,
    seed_sd: Annotated[
        float,
        typer.Option(min=0, help="Standard deviation of the AUROC between seeds, such as 0.02; needs two seeds."),
    ] = 0.0,
    difference: Annotated[
        float | None,
        typer.Option(help="Difference in AUROC to detect: also print the images and seeds needed, at this prevalence."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compute the smallest detectable difference in AUROC.

    It is the difference between two arms that a paired, two-sided test detects on a test set. Only the numbers of
    images and patients are needed (Hanley & McNeil 1982), so you can plan before any training. With --seed-sd, seeds
    are a random factor, like readers in a multi-reader study.

    \b
    Examples:
      hilum power --positives 1089 --negatives 24507 --patients 2797
      hilum power --positives 50 --negatives 950 --auroc 0.75 --correlation 0.3
      hilum power --positives 200 --negatives 1800 --seeds 3 --seed-sd 0.02 --difference 0.03
    """
    from dataclasses import replace
    from math import isnan

    from hilum.errors import HilumError
    from hilum.evaluation.inference import Assumptions, TestSet, images_for_difference, smallest_detectable_difference

    if difference is not None and not 0 < difference < 1 - auroc:
        fix = "Give a difference in AUROC, such as 0.02."
        raise HilumError("--difference", expected=f"above 0, below {1 - auroc:g}", found=f"{difference:g}", fix=fix)
    counts = TestSet(positives, negatives, patients)
    assumed = Assumptions(
        auroc=auroc,
        correlation=correlation,
        within_patients=within_patients,
        power=power_level,
        significance=significance,
        seeds=seeds,
        seed_sd=seed_sd,
    )
    smallest = smallest_detectable_difference(counts, assumed)
    around = [
        [
            area,
            *(
                _or_none(smallest_detectable_difference(counts, replace(assumed, auroc=area, correlation=r)))
                for r in _CORRELATIONS
            ),
        ]
        for area in (0.6, 0.7, 0.8, 0.9)
    ]
    needed = []
    if difference is not None:
        for number in sorted({seeds, *(_SEEDS if seed_sd else ())}):
            enough = images_for_difference(counts, difference, replace(assumed, seeds=number))
            needed.append({"seeds": number, "positives": None, "negatives": None, "patients": None})
            if enough is not None:
                needed[-1] |= {
                    "positives": enough.positives,
                    "negatives": enough.negatives,
                    "patients": enough.patients,
                }
    if as_json:
        content = {
            "positives": positives,
            "negatives": negatives,
            "patients": patients,
            "auroc": auroc,
            "correlation": correlation,
            "within_patients": within_patients,
            "power": power_level,
            "significance": significance,
            "design_effect": counts.design_effect(within_patients),
            "seeds": seeds,
            "seed_sd": seed_sd,
            "smallest_difference": _or_none(smallest),
            "difference": difference,
            "needed": needed,
        }
        print_json(content)
        return
    echo(
        f"{positives:,} positive and {counted(negatives, 'negative image')}"
        + (
            f" of {counted(patients, 'patient')}, design effect {counts.design_effect(within_patients):.1f}"
            if patients
            else ""
        )
    )
    if isnan(smallest):
        echo(f"Even a perfect arm is not detected with {100 * power_level:.0f} % power against an AUROC of {auroc:g}.")
    else:
        echo(
            f"Smallest detectable difference with {100 * power_level:.0f} % power "
            f"at the {100 * significance:.0f} % level: {smallest:.3f} (from {auroc:.3f} to {auroc + smallest:.3f})"
        )
    echo()
    print_table(["AUROC", *(f"correlation {r:g}" for r in _CORRELATIONS)], around)
    echo()
    if difference is not None:
        echo(
            f"Needed to detect a difference of {difference:g} with {100 * power_level:.0f} % power, at this prevalence:"
        )
        columns = ["seeds", "positives", "negatives", "patients"]
        rows = [
            [row["seeds"], *("none" if row[key] is None and key != "patients" else row[key] for key in columns[1:])]
            for row in needed
        ]
        print_table(["seeds per arm", *columns[1:]], rows)
        echo()
    variance = f"{counted(seeds, 'seed')} per arm with SD {seed_sd:g}" if seed_sd else "no variance between seeds"
    echo(f"Paired, two-sided, one comparison, {variance}. Several comparisons need larger differences.")


_SEEDS = (2, 3, 5, 10, 20)
_CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.9)


def _or_none(difference: float) -> float | None:
    return difference if difference == difference else None
