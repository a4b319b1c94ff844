"""`hilum power`: the smallest difference that a test set can show, before anything is run."""

from typing import Annotated

import typer

from hilum.cli.console import echo, print_json, print_table


def power(
    positives: Annotated[int, typer.Option(min=2, help="Images with the finding.")],
    negatives: Annotated[int, typer.Option(min=2, help="Images without it.")],
    patients: Annotated[int | None, typer.Option(min=2, help="Patients. When left out: one for each image.")] = None,
    auroc: Annotated[float, typer.Option(help="AUROC of the weaker arm, as expected.")] = 0.8,
    correlation: Annotated[float, typer.Option(help="Of the two arms' AUROCs; 0.4 to 0.8 for arms much alike.")] = 0.5,
    within_patients: Annotated[float, typer.Option(help="Correlation of images of one patient, 0 to 1.")] = 0.5,
    chance: Annotated[float, typer.Option("--power", help="Chance of finding the difference.")] = 0.8,
    significance: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each arm.")] = 1,
    seed_sd: Annotated[
        float, typer.Option(min=0, help="SD of one training's AUROC from run to run, such as 0.02; needs two seeds.")
    ] = 0.0,
    difference: Annotated[
        float | None,
        typer.Option(help="A difference to be shown: how many images and seeds it takes, in these proportions."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """The smallest difference in AUROC between two arms that this test set shows, paired and two-sided.

    From the numbers of images and patients alone (Hanley & McNeil 1982), so before any training. Where runs differ
    (`--seed-sd`), seeds count as well, as random readers do; with `--difference` the images and seeds it takes.

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
        fix = "Name the difference in AUROC that is to be shown."
        raise HilumError("--difference", expected=f"above 0, below {1 - auroc:g}", found=f"{difference:g}", fix=fix)
    counts = TestSet(positives, negatives, patients)
    assumed = Assumptions(
        auroc=auroc,
        correlation=correlation,
        within_patients=within_patients,
        power=chance,
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
            "power": chance,
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
        f"{positives:,} positive and {negatives:,} negative images"
        + (f" of {patients:,} patients, design effect {counts.design_effect(within_patients):.1f}" if patients else "")
    )
    if isnan(smallest):
        echo(f"Not even a perfect arm would be distinguished from an AUROC of {auroc:g} with {chance:.0%} power.")
    else:
        echo(
            f"Smallest difference shown with {chance:.0%} power at the {significance:.0%} level: {smallest:.3f} "
            f"(from {auroc:.3f} to {auroc + smallest:.3f})"
        )
    echo()
    print_table(["AUROC", *(f"correlation {r:g}" for r in _CORRELATIONS)], around)
    echo()
    if difference is not None:
        echo(f"To show a difference of {difference:g} with {chance:.0%} power, in these proportions:")
        columns = ["seeds", "positives", "negatives", "patients"]
        rows = [
            [
                row["seeds"],
                *("no number" if row[key] is None and key != "patients" else row[key] for key in columns[1:]),
            ]
            for row in needed
        ]
        print_table(["seeds an arm", *columns[1:]], rows)
        echo()
    of_seeds = f"{seeds} seeds an arm that differ by SD {seed_sd:g}" if seed_sd else "runs that do not differ"
    echo(f"Paired, two-sided, one comparison, {of_seeds}. Several comparisons need larger differences.")


_SEEDS = (2, 3, 5, 10, 20)
_CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.9)


def _or_none(difference: float) -> float | None:
    return difference if difference == difference else None
