"""AUROC of models on the test sets of other data sets: `hilum.external_validation` and the command of this name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hilum.declared import check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import BootstrapConfig
from hilum.evaluation.metrics import MACRO, overall_finding
from hilum.evaluation.predictions import as_predictions, read_trained_on
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables import write_results
from hilum.evaluation.tables.external_validation import external_validation as external_table
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.runs.inputs.predictions import PredictionSource, paths_of, sources_of, table_of
from hilum.runs.results import Result
from hilum.wording import images_of_patients

_SHOWN = (
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


@dataclass(frozen=True, repr=False)
class ExternalValidationResult(Result):
    """AUROC of models on internal and external test sets.

    Attributes:
        directory: Directory with external.parquet, external.csv and external.json; None if nothing was written.
        about: Test sets (`cells`) and settings.
        external: Row per model, test set and finding; see `hilum.evaluation.external_validation`.
    """

    external: pl.DataFrame

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`external`."""
        return {"external": self.external}

    @property
    def summary(self) -> list[str]:
        """Test sets: numbers of images and patients, and split."""
        test_sets = {cell["tested_on"]: cell for cell in reversed(self.about["cells"])}
        return [
            f"{name}: {images_of_patients(cell['images'], cell['patients'])} · split {cell['split'] or 'unknown'}"
            for name, cell in reversed(test_sets.items())
        ]

    @property
    def averaged(self) -> str:
        """Finding of the rows of `overall`: "Mean over shared findings", or the only one."""
        finding = overall_finding(self.external["finding"].to_list())
        return "Mean over shared findings" if finding == MACRO else str(finding)

    @property
    def overall(self) -> pl.DataFrame:
        """AUROC and generalisation gap of the mean over shared findings, or of the only finding."""
        finding = overall_finding(self.external["finding"].to_list())
        return self.external.filter(pl.col("finding") == finding).select(_SHOWN)

    @property
    def row_notes(self) -> list[str]:
        """Notes on rows, such as findings that are not in all tables."""
        return [note for note in self.external["note"].unique(maintain_order=True) if note]

    def _shown(self) -> dict[str, pl.DataFrame]:
        return {self.averaged: self.overall}


@checked_arguments
def external_validation(
    predictions: Mapping[Any, PredictionSource | Sequence[PredictionSource]],
    out: str | Path | None = None,
    *,
    split: str | None = None,
    held_out: bool = False,
    trained_on: Mapping[str, str | Path] | None = None,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = BootstrapConfig.seed,
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    progress: ShowProgress = quiet,
) -> ExternalValidationResult:
    """Compare AUROC on internal and external test sets, with the generalisation gap of each model.

    The gap is the AUROC on the internal test set (of the data set of training) minus the AUROC on the external test
    set. Only findings that all tables have are compared. Test sets are resampled independently, models of one test set
    on the same resamples; p-values are not adjusted.

    Args:
        predictions: Predictions by (data set of training, data set of the test), or "TRAINED:TESTED": a file or table
            with image_id, y_<finding> and p_<finding>, or several for the seeds of one model. Models with the same test
            set must be tested on the same images.
        out: Directory to write external.parquet, .csv and .json to; None: nothing is written.
        split, held_out, n_bootstrap, seed, min_positive_patients, progress: As in `hilum.evaluate`.
        trained_on: card.json of a model, or a table of its training patients, by data set of training; these patients
            must not be in its test sets.

    Raises:
        HilumError: No external test set, no shared finding, tables of different images, or a wrong option.

    Example:
        >>> import polars as pl
        >>> import hilum
        >>> def table(prefix, score):
        ...     ids = [f"{prefix}{i}" for i in range(40)]
        ...     return pl.DataFrame({"image_id": ids, "y_Mass": [0, 1] * 20, "p_Mass": score})
        >>> here, there = table("a", [0.2, 0.8] * 20), table("b", [0.5, 0.5] * 20)
        >>> predictions = {("nih", "nih"): here, ("nih", "chexpert"): there}
        >>> result = hilum.external_validation(predictions, held_out=True, n_bootstrap=100)
        >>> result.overall["generalisation_gap"].to_list()
        [None, 0.5]
    """
    check_ranges(
        BootstrapConfig,
        EvaluationSettings,
        n_bootstrap=n_bootstrap,
        seed=seed,
        min_positive_patients=min_positive_patients,
    )
    cells = _cells(predictions)
    if all(trained == tested for trained, tested in cells):
        fix = "Add predictions on a data set that the model was not trained on, such as nih:chexpert=predictions.csv."
        found = ", ".join(f"{trained}:{tested}" for trained, tested in cells) or "none"
        raise HilumError("TRAINED:TESTED=FILE", expected="at least one external test set", found=found, fix=fix)
    models = sorted({trained for trained, _ in cells})
    if unknown := sorted(set(trained_on or {}) - set(models)):
        expected = f"models of the predictions: {', '.join(models)}"
        raise HilumError("--trained-on", expected=expected, found=", ".join(unknown), fix="Use these names.")
    known = {name: read_trained_on(Path(path)) for name, path in (trained_on or {}).items()}
    sources = {pair: sources_of(given) for pair, given in cells.items()}
    read = {
        (trained, tested): [
            as_predictions(
                table_of(one),
                name=str(one) if isinstance(one, str | Path) else f"{trained}:{tested}",
                split=split,
                held_out=held_out,
                trained_on=known.get(trained),
            )
            for one in seeds
        ]
        for (trained, tested), seeds in sources.items()
    }
    with progress("resampling patients") as on_progress:
        table = external_table(
            read,
            n_bootstrap=n_bootstrap,
            seed=seed,
            min_positive_patients=min_positive_patients,
            on_progress=on_progress,
        )
    about = {
        "cells": [
            {
                "trained_on": trained,
                "tested_on": tested,
                "predictions": [str(path) for path in paths_of(sources[trained, tested])],
                "split": seeds[0].split,
                "images": len(seeds[0].frame),
                "patients": len(set(seeds[0].patients)),
            }
            for (trained, tested), seeds in read.items()
        ],
        "n_bootstrap": n_bootstrap,
        "seed": seed,
        "min_positive_patients": min_positive_patients,
    }
    directory = None if out is None else Path(out)
    if directory is not None:
        files = [path for given in sources.values() for path in paths_of(given)]
        write_results(directory, "external", table, predictions=files, settings=about)
    return ExternalValidationResult(directory, about, table)


def _cells(
    predictions: Mapping[Any, PredictionSource | Sequence[PredictionSource]],
) -> dict[tuple[str, str], PredictionSource | Sequence[PredictionSource]]:
    """Return predictions by pair of data sets."""
    cells = {}
    for name, given in predictions.items() if isinstance(predictions, Mapping) else [("", predictions)]:
        pair = tuple(name.split(":")) if isinstance(name, str) else name
        if len(pair) != 2 or not all(pair):
            fix = 'For example {"nih:chexpert": "predictions.csv"}: trained on nih, tested on chexpert.'
            raise HilumError("predictions", expected="tables by (trained on, tested on)", found=repr(name), fix=fix)
        cells[pair[0], pair[1]] = given
    return cells
