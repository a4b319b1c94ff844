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

if TYPE_CHECKING:
    from hilum.runs.external_validation import ExternalValidationResult


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
    cells = _cells(tables)
    known = _named(trained_on or [], {trained for trained, _ in cells})
    from hilum.runs.external_validation import external_validation as run

    result = run(
        cells,
        out,
        split=split,
        held_out=held_out,
        trained_on=known,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
        progress=progress,
    )
    if as_json:
        print_json({**result.about, "external": result.external.to_dicts()})
        return
    for line in result.summary:
        echo(line)
    echo()
    _print_matrix(result)
    echo()
    for note in result.row_notes:
        echo(note)
    echo("All findings are in the table. Test sets are independent; p-values are not adjusted.")
    echo()
    echo(str(out / "external.parquet"))


def _cells(tables: Sequence[str]) -> dict[tuple[str, str], list[Path]]:
    cells: dict[tuple[str, str], list[Path]] = {}
    for text in tables:
        pair, equals, path = text.partition("=")
        trained, colon, tested = pair.partition(":")
        if not (equals and path and colon and trained and tested):
            fix = "For example nih:chexpert=predictions.csv: trained on nih, tested on chexpert."
            raise HilumError("TRAINED:TESTED=FILE", expected="two data sets and a file", found=repr(text), fix=fix)
        cells.setdefault((trained, tested), []).append(Path(path))
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


def _print_matrix(result: "ExternalValidationResult") -> None:
    titles = ["trained on", "tested on", "AUROC", "95 % low", "high", "gap", "95 % low", "high", "p"]
    print_table(titles, result.overall.rows(), title=result.averaged)
    if result.overall["generalisation_gap"].null_count() == len(result.overall):
        echo("No generalisation gap: no internal test set was given (TRAINED:TRAINED=FILE).")
