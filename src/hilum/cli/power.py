"""`hilum power`: the smallest difference that a test set can show, before anything is run."""

from typing import Annotated

import typer

from hilum.cli.console import say, say_json, say_table


def power(
    positives: Annotated[int, typer.Option(min=2, help="Images with the finding.")],
    negatives: Annotated[int, typer.Option(min=2, help="Images without it.")],
    patients: Annotated[int | None, typer.Option(min=2, help="Patients. When left out: one for each image.")] = None,
    auroc: Annotated[float, typer.Option(help="AUROC of the weaker arm, as expected.")] = 0.8,
    correlation: Annotated[float, typer.Option(help="Of the two arms' AUROCs; 0.4 to 0.8 for arms much alike.")] = 0.5,
    within_patients: Annotated[float, typer.Option(help="Correlation of images of one patient, 0 to 1.")] = 0.5,
    chance: Annotated[float, typer.Option("--power", help="Chance of finding the difference.")] = 0.8,
    significance: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """The smallest difference in AUROC between two arms that this test set shows, paired and two-sided.

    From the numbers of images and patients alone (Hanley & McNeil 1982), so before any training. A study whose arms
    are expected to differ by less needs more test images, not more seeds.

    \b
    Examples:
      hilum power --positives 1089 --negatives 24507 --patients 2797
      hilum power --positives 50 --negatives 950 --auroc 0.75 --correlation 0.3
    """
    from dataclasses import replace
    from math import isnan

    from hilum.evaluation.inference import Assumptions, TestSet, smallest_detectable_difference

    counts = TestSet(positives, negatives, patients)
    assumed = Assumptions(
        auroc=auroc, correlation=correlation, within_patients=within_patients, power=chance, significance=significance
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
    if as_json:
        told = {
            "positives": positives,
            "negatives": negatives,
            "patients": patients,
            "auroc": auroc,
            "correlation": correlation,
            "within_patients": within_patients,
            "power": chance,
            "significance": significance,
            "design_effect": counts.design_effect(within_patients),
            "smallest_difference": _or_none(smallest),
        }
        say_json(told)
        return
    say(
        f"{positives:,} positive and {negatives:,} negative images"
        + (f" of {patients:,} patients, design effect {counts.design_effect(within_patients):.1f}" if patients else "")
    )
    if isnan(smallest):
        say(f"Not even a perfect arm would be told from an AUROC of {auroc:g} with {chance:.0%} power.")
    else:
        say(
            f"Smallest difference shown with {chance:.0%} power at the {significance:.0%} level: {smallest:.3f} "
            f"(from {auroc:.3f} to {auroc + smallest:.3f})"
        )
    say()
    say_table(["AUROC", *(f"correlation {r:g}" for r in _CORRELATIONS)], around)
    say()
    say("Paired, two-sided, one comparison, one seed an arm. Several comparisons or seeds need larger differences.")


_CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 0.9)


def _or_none(difference: float) -> float | None:
    return difference if difference == difference else None
