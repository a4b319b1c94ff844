"""Command-line options that several commands share. Texts and defaults of settings are those of their classes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hilum.declared import text_of
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.settings import EvaluationSettings, ReadingOptions
from hilum.training.settings import TrainingSettings


def option_of(declared: type, name: str, *flags: str, more_help: str = "", **more: Any) -> Any:
    """Return an option that sets a field of a class of settings, with the text of that field.

    Args:
        declared: Class of the settings.
        name: Name of the field.
        flags: Names of the option; the field's name if empty.
        more_help: Sentence to append to the text, such as the default.
        more: Further arguments of `typer.Option`.
    """
    return typer.Option(*flags, help=f"{text_of(declared, name)} {more_help}".rstrip(), **more)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode images. Default: all cores.")]
DeviceName = Annotated[str, option_of(TrainingSettings, "device")]

# Data sets

DATA_SET = (
    "Data set. NAME: a collection (`hilum data list`), or any name for a folder of your own images. FOLDER: the data "
    "set as unpacked, the output of `hilum ingest`, or a store of an earlier command."
)
Data = Annotated[str, typer.Option(metavar="NAME=FOLDER", help=DATA_SET)]
StudyData = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="NAME=FOLDER", help="Folder of a data set of the study. Repeat for each data set."),
]
Labels = Annotated[Path | None, typer.Option(help="CSV file of labels, for a folder of your own images.")]
Release = Annotated[str | None, typer.Option(help="Release of the ChestX-ray14 labels: 2020 or 2017.")]
HashPatients = Annotated[
    str | None,
    typer.Option(
        metavar="SALT",
        help="Replace the ids of patients, studies and images by pseudonyms in all output; for unpublished data "
        "(folder, uka_cxr, gb7_flg). SALT: a file with a secret salt; env: the variable HILUM_PATIENT_SALT; own: a "
        "salt kept on this machine.",
    ),
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Continue if the tables name images whose files are missing.")
]
SplitName = Annotated[
    str,
    typer.Option(
        help="Split of the patients: official, another published list (such as chexnet), patients (at random, 60/20/20 "
        "%), or auto (the official list if it has test images, else patients)."
    ),
]
SplitSeed = Annotated[int, typer.Option(min=0, help="Random seed of the split, if patients are drawn at random.")]
PublishedPart = Annotated[
    str | None,
    typer.Option("--split", help="Use only images of this part of the published split: train, val or test."),
]
Stores = Annotated[
    Path | None,
    typer.Option(help="Folder of decoded images, which later commands reuse. Default: `stores` next to OUT."),
]
FindingNames = Annotated[
    str | None,
    typer.Option("--findings", help="Comma-separated findings. Default: all of the data set except No Finding."),
]
IncludeTrainingPatients = Annotated[
    bool,
    typer.Option(
        "--include-training-patients",
        help="Include images of patients the model was trained on. Their scores are optimistic (data leakage).",
    ),
]

# Models

FeatureModel = Annotated[
    str, typer.Argument(help="Directory of an encoder or a classifier, or the name of published weights.")
]
Package = Annotated[Path, typer.Argument(help="Directory written by `hilum package`: of an arm, or of one seed.")]
UseEnsemble = Annotated[
    bool, typer.Option("--ensemble", help="Average the probabilities of all seeds of an arm (ensemble).")
]
Accepted = Annotated[
    str | None,
    typer.Option(
        "--accept",
        metavar="REASON,REASON",
        help="Score images in spite of these reasons for refusal, such as age_outside_training.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the run or of the method. Repeatable."),
]
TrainingSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Random seed of the weights, the augmentation and the order of the images.")
]

# Predictions

Predictions = Annotated[
    list[Path],
    typer.Argument(help="Parquet or CSV files with y_<finding> and p_<finding>; several are seeds of one arm."),
]
NBootstrap = Annotated[int, option_of(BootstrapConfig, "n_bootstrap")]
Seed = Annotated[int, option_of(BootstrapConfig, "seed")]
Interval = Annotated[str, option_of(BootstrapConfig, "interval")]
Stratified = Annotated[bool, option_of(BootstrapConfig, "stratified", "--stratified")]
MinPositives = Annotated[int, option_of(EvaluationSettings, "min_positive_patients")]
MinGroup = Annotated[int, option_of(EvaluationSettings, "min_group")]
Margin = Annotated[float | None, option_of(EvaluationSettings, "margin")]
Split = Annotated[str | None, option_of(ReadingOptions, "split")]
HeldOut = Annotated[bool, option_of(ReadingOptions, "held_out", "--held-out")]
TrainedOnPath = Annotated[Path | None, option_of(ReadingOptions, "trained_on")]
Threshold = Annotated[str, option_of(ReadingOptions, "threshold")]
OnTest = Annotated[bool, option_of(ReadingOptions, "thresholds_on_test", "--thresholds-on-test")]
Calibrate = Annotated[str | None, option_of(ReadingOptions, "calibrate")]
LabelsOf = Annotated[str | None, option_of(ReadingOptions, "labels", metavar="TABLE")]
MetricNames = Annotated[
    str | None, typer.Option("--metrics", help="Comma-separated metrics. Default: all that the tables allow.")
]
AverageNames = Annotated[
    str, typer.Option("--averages", help="Comma-separated averages over findings: macro, weighted, micro.")
]
Validation = Annotated[
    list[Path] | None,
    typer.Option(help="Predictions of validation images, one file per table. Default: the rows val of the same table."),
]


def names(text: str | None) -> list[str] | None:
    """Split a comma-separated text into names; return None for None."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]
