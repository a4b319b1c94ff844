"""Command `hilum power`: minimum detectable difference in AUROC of a test set."""

from typing import Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table


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
    power: Annotated[float, typer.Option(help="Power of the test (1 - type II error rate).")] = 0.8,
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
    as_json: options.AsJson = False,
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
    from hilum.runs.power import power as run

    result = run(
        positives,
        negatives,
        patients,
        auroc=auroc,
        correlation=correlation,
        within_patients=within_patients,
        power=power,
        significance=significance,
        seeds=seeds,
        seed_sd=seed_sd,
        difference=difference,
    )
    about = result.about
    if as_json:
        print_json(about)
        return
    for line in result.summary:
        echo(line)
    echo()
    table = result.smallest_differences
    print_table(["AUROC", *table.columns[1:]], table.rows())
    echo()
    if result.needed is not None:
        detected = f"a difference of {difference:g} with {100 * power:.0f} % power"
        echo(f"Needed to detect {detected}, at this prevalence:")
        rows = [[row[0], "none", "none", None] if row[1] is None else list(row) for row in result.needed.rows()]
        print_table(["seeds per arm", "positives", "negatives", "patients"], rows)
        echo()
    variance = f"{seeds} seeds per arm with SD {seed_sd:g}" if seed_sd else "no variance between seeds"
    echo(f"Paired, two-sided, one comparison, {variance}. Several comparisons need larger differences.")
