"""Likely label errors of evaluated images: `hilum.label_issues` and `hilum label-issues`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl

from hilum.declared import Bounds, check_ranges
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import BootstrapConfig
from hilum.evaluation.labels import google_agreement, rank_label_issues
from hilum.evaluation.predictions import as_predictions, read_trained_on
from hilum.evaluation.tables import write_results
from hilum.notes import Code, note, notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments
from hilum.report.pages import PageImages, write_label_issues_page
from hilum.report.pages.label_issues import PAGE
from hilum.runs.inputs.data import DataSource, read_data
from hilum.runs.inputs.predictions import PredictionSource, name_of, paths_of, sources_of, table_of
from hilum.runs.results import Result
from hilum.wording import images_of_patients

TOP = 12
"""Label issues on the page, per finding and label."""
_PRINTED = 3


@dataclass(frozen=True, repr=False)
class LabelIssuesResult(Result):
    """Likely label errors and estimated label noise.

    Attributes:
        directory: Directory with label_issues.html and the tables as Parquet, CSV and JSON; None if nothing was
            written.
        about: Split, numbers, notes.
        issues: Labels, the likeliest errors of each finding first; see `hilum.evaluation.rank_label_issues`.
        noise: Estimated label noise of each finding, and the AUROC that a perfect model reaches on these labels.
        agreement: Agreement with adjudicated labels, a row per finding; None without.
    """

    issues: pl.DataFrame
    noise: pl.DataFrame
    agreement: pl.DataFrame | None

    @property
    def page(self) -> Path | None:
        """Path of label_issues.html; None if nothing was written."""
        return None if self.directory is None else self.directory / PAGE

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`issues`, `noise`, and `agreement` with adjudicated labels."""
        agreement = {} if self.agreement is None else {"agreement": self.agreement}
        return {"issues": self.issues, "noise": self.noise, **agreement}

    @property
    def summary(self) -> list[str]:
        """Numbers of images and patients, and split."""
        return [_evaluated(self.about)]

    @property
    def top(self) -> pl.DataFrame:
        """Top three flagged labels of each finding."""
        flagged = pl.col("is_label_issue") & (pl.col("rank") <= _PRINTED)
        return self.issues.filter(flagged).select("finding", "rank", "image_id", "label", "probability")

    def _shown(self) -> dict[str, pl.DataFrame]:
        agreement = {} if self.agreement is None else {"agreement": self.agreement}
        return {"noise": self.noise, "top label issues": self.top, **agreement}


@checked_arguments
def label_issues(
    predictions: PredictionSource | Sequence[PredictionSource],
    out: str | Path | None = None,
    *,
    data: DataSource | None = None,
    labels: str | Path | None = None,
    allow_missing: bool = False,
    adjudicated: str | Path | None = None,
    split: str | None = None,
    held_out: bool = False,
    trained_on: str | Path | None = None,
    top: Annotated[int, Bounds(ge=1)] = TOP,
    seed: int = BootstrapConfig.seed,
    progress: ShowProgress = quiet,
) -> LabelIssuesResult:
    """Find likely label errors by confident learning, and estimate label noise and its effect on AUROC.

    The model must not be trained on these images. A flagged label is not necessarily wrong: review the image.

    Args:
        predictions: Files or Polars tables with image_id, y_<finding> and p_<finding>; several are seeds of one arm.
        out: Directory to write label_issues.html and the tables to; None: nothing is written.
        data: Data set of the images, to show them on the page.
        labels, allow_missing: As in `hilum.embed`, for `data`.
        adjudicated: CSV file of Google's adjudicated labels of ChestX-ray14, to compare with the NIH labels.
        split, held_out, trained_on: As in `hilum.evaluate`.
        top: Number of label issues on the page, per finding and label.
        seed: Random seed of the bootstrap of the agreement.
        progress: Shows the progress of reading `data`.

    Raises:
        HilumError: A wrong table, images of the model's training, or a data set without these images.

    Example:
        >>> import polars as pl
        >>> import hilum
        >>> label = [0, 1] * 20 + [0]
        >>> score = [0.1, 0.9] * 20 + [0.95]  # the last image is labelled negative, and scored as positive
        >>> table = pl.DataFrame({"image_id": [str(i) for i in range(41)], "y_Mass": label, "p_Mass": score})
        >>> hilum.label_issues(table, held_out=True).issues["image_id"][0]
        '40'
    """
    check_ranges(BootstrapConfig, seed=seed)
    sources = sources_of(predictions)
    known = None if trained_on is None else read_trained_on(Path(trained_on))
    seeds = [
        as_predictions(table_of(one), name=name_of(one, at), split=split, held_out=held_out, trained_on=known)
        for at, one in enumerate(sources)
    ]
    issues, noise = rank_label_issues(seeds)
    image, missing = None, 0
    if data is not None:
        image, missing = _images(data, labels, issues, allow_missing=allow_missing, progress=progress)
    agreement = None if adjudicated is None else google_agreement(Path(adjudicated), seed=seed)
    first = seeds[0]
    images, patients = len(first.frame), len(set(first.patients))
    notes = [*first.notes, *([note(Code.MISSING_IMAGES, images=missing, data=_name(data))] if missing else [])]
    about = {
        "split": first.split,
        "images": images,
        "patients": patients,
        "seed": seed,
        "notes": notes_as_data(notes),
    }
    directory = None if out is None else Path(out)
    if directory is not None:
        files = paths_of(sources)
        write_results(directory, "label_issues", issues, predictions=files, settings=about)
        write_results(directory, "noise", noise, predictions=files, settings=about)
        if agreement is not None and adjudicated is not None:
            write_results(directory, "agreement", agreement, predictions=[Path(adjudicated)], settings={"seed": seed})
        texts, page = list(map(str, notes)), directory / PAGE
        write_label_issues_page(
            issues, noise, agreement, page, images=_evaluated(about), top=top, image=image, notes=texts
        )
    return LabelIssuesResult(directory, about, issues, noise, agreement)


def _images(
    data: DataSource, labels: str | Path | None, issues: pl.DataFrame, *, allow_missing: bool, progress: ShowProgress
) -> tuple[PageImages, int]:
    """Read the data set of the evaluated images; return its images, and the number of those it lacks."""
    named = read_data(data, labels=labels, allow_missing=allow_missing, progress=progress)
    images = PageImages(named.manifest, named.dataset.root)
    evaluated = issues["image_id"].unique().to_list()
    missing = sorted(image_id for image_id in evaluated if image_id not in images.paths)
    if evaluated and len(missing) == len(evaluated):
        found = f"none; {missing[0]} is not among {next(iter(images.paths), 'no images')}, …"
        fix = "Give the data set of these predictions, with the same image_id."
        raise HilumError(f"--data {_name(data)}", expected="the images of the predictions", found=found, fix=fix)
    return images, len(missing)


def _evaluated(about: dict[str, Any]) -> str:
    return f"{images_of_patients(about['images'], about['patients'])}, split {about['split'] or 'unknown'}"


def _name(data: DataSource | None) -> str:
    return data if isinstance(data, str) else "the data set"
