"""Options that `hilum evaluate` and `hilum compare` share. Texts and defaults are those of the settings they set."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hilum.declared import text_of
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions


def option_of(declared: type, name: str, *flags: str, **more: Any) -> Any:
    """An option that sets a field of a class of settings, with the text of that field."""
    return typer.Option(*flags, help=text_of(declared, name), **more)


NBootstrap = Annotated[int, option_of(BootstrapConfig, "n_bootstrap")]
Seed = Annotated[int, option_of(BootstrapConfig, "seed", min=0)]
Interval = Annotated[str, option_of(BootstrapConfig, "interval")]
Stratified = Annotated[bool, option_of(BootstrapConfig, "stratified", "--stratified")]
MinPositives = Annotated[int, option_of(EvaluationSettings, "min_positive_patients", min=2)]
MinGroup = Annotated[int, option_of(EvaluationSettings, "min_group", min=2)]
Margin = Annotated[float | None, option_of(EvaluationSettings, "margin")]
Split = Annotated[str | None, option_of(ReadingOptions, "split")]
HeldOut = Annotated[bool, option_of(ReadingOptions, "held_out", "--held-out")]
TrainedOnPath = Annotated[Path | None, option_of(ReadingOptions, "trained_on")]
Threshold = Annotated[str, option_of(ReadingOptions, "threshold")]
OnTest = Annotated[bool, option_of(ReadingOptions, "thresholds_on_test", "--thresholds-on-test")]
Calibrate = Annotated[str | None, option_of(ReadingOptions, "calibrate")]
LabelsOf = Annotated[str | None, option_of(ReadingOptions, "labels", metavar="TABLE")]
MetricNames = Annotated[
    str | None, typer.Option("--metrics", help="Comma-separated. When left out: all that the tables allow.")
]
AverageNames = Annotated[
    str, typer.Option("--averages", help="Rows over findings, comma-separated: macro, weighted, micro.")
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(help="Predictions of validation images, one a table. When left out: the rows val of the same table."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def names(text: str | None) -> list[str] | None:
    """Names from one text with commas; None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
