"""Command `hilum external-validation`: AUROC of models on the test sets of other data sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli import options
from hilum.cli.console import echo, print_json, print_table, progress
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings
from hilum.wording import counted

if TYPE_CHECKING:
    import polars as pl

    from hilum.evaluation.predictions import Predictions

Cells = dict[tuple[str, str], list[Path]]


def external_validation(
    tables: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAINED:TESTED=FILE...",
            help="Predictions (y_<finding>, p_<finding>) by the data set of training and of test. Repeat a pair for "
            "several seeds of one model.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Directory to write external.parquet, external.csv and external.json to.")],
    split: options.Split = None,
    held_out: options.HeldOut = False,
    trained_on: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRAINED=FILE",
            help="card.json of a model, or a table of its training patients; they must not be in its test sets.",
        ),
    ] = None,
    n_bootstrap: options.NBootstrap = BootstrapConfig.n_bootstrap,
    seed: options.Seed = BootstrapConfig.seed,
    min_positive_patients: options.MinPositives = EvaluationSettings.min_positive_patients,
    as_json: options.AsJson = False,
) -> None:
    """Compare AUROC on internal and external test sets.

    The table has the AUROC of each model on each test set and its drop, with 95 % confidence intervals. Only findings
    that all tables have are compared. Models with the same test set must be tested on the same images; test sets are
    resampled independently. The drop is the AUROC on the internal test set (of the data set of training) minus the
    AUROC on this test set.

    \b
    Examples:
      hilum external-validation nih:nih=nih.csv nih:chexpert=nih_there.csv --out matrix
      hilum external-validation a:a=1.csv a:b=2.csv b:a=3.csv b:b=4.csv --trained-on a=models/a/card.json --out matrix
      --json
    """
    from hilum.evaluation.predictions import read_predictions, read_trained_on
    from hilum.evaluation.tables import write_results
    from hilum.evaluation.tables.external_validation import external_validation

    cells = _cells(tables)
    models = {trained for trained, _ in cells}
    known = {name: read_trained_on(path) for name, path in _named(trained_on or [], models).items()}
    read = {
        (trained, tested): [
            read_predictions(path, split=split, held_out=held_out, trained_on=known.get(trained)) for path in paths
        ]
        for (trained, tested), paths in cells.items()
    }
    with progress("resampling patients") as on_progress:
        table = external_validation(
            read,
            n_bootstrap=n_bootstrap,
            seed=seed,
            min_positive_patients=min_positive_patients,
            on_progress=on_progress,
        )
    settings = {
        "cells": [
            {
                "trained_on": trained,
                "tested_on": tested,
                "predictions": [str(path) for path in paths],
                "split": read[trained, tested][0].split,
                "images": len(read[trained, tested][0].frame),
            }
            for (trained, tested), paths in cells.items()
        ],
        "n_bootstrap": n_bootstrap,
        "seed": seed,
        "min_positive_patients": min_positive_patients,
    }
    files = [path for paths in cells.values() for path in paths]
    written = write_results(out, "external", table, predictions=files, settings=settings)
    if as_json:
        print_json({**settings, "external": table.to_dicts()})
        return
    _print_test_sets(read)
    echo()
    _print_matrix(table)
    echo()
    for note in table.filter(table["note"] != "")["note"].unique(maintain_order=True):
        echo(note)
    echo("All findings are in the table. Test sets are independent; p-values are not adjusted.")
    echo()
    echo(str(written))


def _cells(tables: Sequence[str]) -> Cells:
    cells: Cells = {}
    for text in tables:
        pair, equals, path = text.partition("=")
        trained, colon, tested = pair.partition(":")
        if not (equals and path and colon and trained and tested):
            fix = "For example nih:chexpert=predictions.csv: trained on nih, tested on chexpert."
            raise HilumError("TRAINED:TESTED=FILE", expected="two data sets and a file", found=repr(text), fix=fix)
        cells.setdefault((trained, tested), []).append(Path(path))
    if all(trained == tested for trained, tested in cells):
        fix = "Add predictions on a data set that the model was not trained on, such as nih:chexpert=predictions.csv."
        found = ", ".join(f"{trained}:{tested}" for trained, tested in cells)
        raise HilumError("TRAINED:TESTED=FILE", expected="at least one external test set", found=found, fix=fix)
    return cells


def _named(texts: Sequence[str], models: set[str]) -> dict[str, Path]:
    named = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (equals and path and name in models):
            fix = f"Write {sorted(models)[0]}=card.json."
            expected = f"TRAINED=FILE, TRAINED one of {', '.join(sorted(models))}"
            raise HilumError("--trained-on", expected=expected, found=repr(text), fix=fix)
        named[name] = Path(path)
    return named


def _print_test_sets(read: "dict[tuple[str, str], list[Predictions]]") -> None:
    printed = set()
    for (_, tested), seeds in read.items():
        if tested not in printed:
            printed.add(tested)
            images, patients = len(seeds[0].frame), len(set(seeds[0].patients))
            echo(f"{tested}: {counted(images)} of {counted(patients, 'patient')} · split {seeds[0].split or 'unknown'}")


def _print_matrix(table: "pl.DataFrame") -> None:
    from hilum.evaluation.metrics import MACRO, overall_finding

    columns = (
        "trained_on",
        "tested_on",
        "estimate",
        "ci_low",
        "ci_high",
        "generalisation_gap",
        "generalisation_gap_ci_low",
        "generalisation_gap_ci_high",
        "p",
    )
    titles = ["trained on", "tested on", "AUROC", "95 % low", "high", "gap", "95 % low", "high", "p"]
    overall = overall_finding(table["finding"].to_list())
    title = "Mean over shared findings" if overall == MACRO else str(overall)
    print_table(titles, table.filter(table["finding"] == overall).select(columns).rows(), title=title)
    if table["generalisation_gap"].null_count() == len(table):
        echo("No generalisation gap: no internal test set was given (TRAINED:TRAINED=FILE).")
