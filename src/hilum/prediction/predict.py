"""Scoring of images: decoding in threads, checks, batches, a journal, and a table in the order of the inputs.

Memory use is a few decoded images per thread and two batches of preprocessed images, for any number of inputs.
"""

import os
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl

from hilum.artifacts import fingerprint, locked
from hilum.data.paths import size_and_time
from hilum.data.store.journal import one_opencv_thread
from hilum.declared import Bounds
from hilum.errors import HilumError
from hilum.evaluation.predictions import read_table
from hilum.prediction.description import MODEL
from hilum.prediction.dicom_out import (
    FoundBoxes,
    ScoredDicom,
    check_highdicom,
    write_dicom_results,
    write_presentation_states,
)
from hilum.prediction.inputs import InputImage, find_inputs
from hilum.prediction.journal import Journal, Row, journal_beside
from hilum.prediction.loading import PackagedClassifier, load_package
from hilum.prediction.map_files import write_maps
from hilum.prediction.reading import ReadImage, read_input
from hilum.prediction.reasons import Reason
from hilum.prediction.table import as_table, check_table_name, write_table
from hilum.prediction.training_membership import TrainingMembership
from hilum.progress import ProgressReport, ShowProgress, quiet, silent
from hilum.renamed import checked_arguments
from hilum.runs.results import Result
from hilum.training.settings import TrainingSettings
from hilum.wording import counted

_AHEAD = 2
"""Number of batches that are decoded ahead."""


@dataclass(frozen=True)
class PredictConfig:
    """Settings of prediction.

    Attributes:
        accepted: Reasons for refusal to ignore.
        batch_size: Number of images per batch; None: as in training, to reproduce the study's scores bit for bit.
        workers: Threads that decode images; None: all cores.
        maps: Folder to write heat maps of called findings to; None: no heat maps.
        method: Heat map method (`hilum.explanation.maps`).
        dicom: Folder to write DICOM objects of DICOM images to (`hilum.prediction.dicom_out`); None: none.
    """

    accepted: frozenset[Reason] = frozenset()
    batch_size: int | None = None
    workers: int | None = None
    maps: Path | None = None
    method: str = "gradcam"
    dicom: Path | None = None


@dataclass(frozen=True)
class PredictionSummary:
    """Summary of a prediction run.

    Attributes:
        out: Table that was written.
        images: Number of images.
        refused: Number of refused images by reason.
        in_training: Number of scored images of patients the model was trained on.
        not_known: Number of scored images for which this is unknown.
        calls: Number of images that each finding is called on.
    """

    out: Path
    images: int
    refused: dict[Reason, int]
    in_training: int
    not_known: int
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def scored(self) -> int:
        """Number of scored images."""
        return self.images - sum(self.refused.values())


@dataclass(frozen=True, repr=False)
class PredictionResult(Result):
    """Scores of images by a packaged model.

    Attributes:
        directory: Directory of the table.
        about: Numbers of scored and refused images, and of calls.
        scored: The same, with reasons for refusal.
        model: The loaded model.
    """

    directory: Path
    scored: PredictionSummary
    model: PackagedClassifier

    @property
    def predictions(self) -> pl.DataFrame:
        """Row per image: probabilities, calls, or the reason for refusal; see `hilum.prediction.table`."""
        return read_table(self.scored.out, what="a table of predictions")

    @property
    def calls(self) -> pl.DataFrame:
        """Number of images that each finding is called on, and its threshold."""
        rows = [(name, self.scored.calls[name], self.model.thresholds[name]) for name in self.model.findings]
        kinds = {"finding": pl.String, "called on": pl.Int64, "threshold": pl.Float64}
        return pl.DataFrame(rows, schema=kinds, orient="row")

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`calls` and `predictions`."""
        return {"calls": self.calls, "predictions": self.predictions}

    def _shown(self) -> dict[str, pl.DataFrame]:
        return {"calls": self.calls}

    @property
    def summary(self) -> list[str]:
        """Model, and number of scored images."""
        return [f"{self.model.description.name}: {self.scored.scored:,} of {counted(self.scored.images)} scored"]

    @property
    def row_notes(self) -> list[str]:
        """Refused images by reason, and images of training patients."""
        scored = self.scored
        notes = [f"refused: {counted(count)}, {reason.description}" for reason, count in scored.refused.items()]
        if scored.in_training:
            of = f"{counted(scored.in_training, 'image is', 'images are')} of patients the model was trained on"
            notes.append(f"{of}: exclude them from any evaluation.")
        if scored.not_known:
            of = f"{counted(scored.not_known)}"
            notes.append(f"For {of} it is unknown whether the model was trained on their patients.")
        return notes


@checked_arguments
def predict(
    model: str | Path | Result,
    inputs: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    ensemble: bool = False,
    maps: str | Path | None = None,
    method: str = PredictConfig.method,
    dicom: str | Path | None = None,
    accept: Collection[str] = (),
    batch_size: Annotated[int | None, Bounds(ge=1)] = None,
    workers: Annotated[int | None, Bounds(ge=1)] = None,
    device: str = TrainingSettings.device,
    progress: ShowProgress = quiet,
) -> PredictionResult:
    """Score images with a packaged model, and write a table with probabilities and calls, or reasons for refusal.

    Refused are unreadable images, lateral views, images unlike the training images, inverted images without a tag,
    images with burned-in text, and views and ages outside the training data. An interrupted run resumes if called again
    with the same arguments.

    Args:
        model: Result or directory of `hilum.package`: of an arm, or of one seed.
        inputs: Image files, folders (searched recursively, such as a DICOM study), output of `hilum.ingest`, or data
            sets as "NAME=FOLDER".
        out: Table to write: a .parquet or .csv file.
        ensemble: Average the probabilities of all seeds of an arm.
        maps: Folder to write heat maps of called findings to.
        method: Heat map method (`hilum.explain`).
        dicom: Folder to write DICOM reports (TID 1500) and heat maps of DICOM images to.
        accept: Reasons for refusal to ignore, such as "age_outside_training".
        batch_size: Number of images per batch; None: as in training, to reproduce the study's scores bit for bit.
        workers: Threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of scoring.

    Raises:
        HilumError: Not a model directory, no images, an unknown reason, or another kind of file.

    Example:
        >>> import hilum
        >>> hilum.predict("models/absent", "images", "scores.txt")
        Traceback (most recent call last):
        hilum.errors.HilumError: --out: expected a file named .parquet or .csv; found scores.txt. Rename it.
    """
    out = Path(out)
    check_table_name(out)
    accepted = accepted_reasons(accept)
    package = model.directory if isinstance(model, Result) else Path(model)
    if package is None or not (package / MODEL).is_file():
        found, fix = str(package or type(model).__name__), "Create one with `hilum package`."
        raise HilumError("model", expected="a model directory (with model.json)", found=found, fix=fix)
    loaded = load_package(package, ensemble=ensemble, device=device)  # type: ignore[arg-type]  # checked there
    images = find_inputs([str(each) for each in ([inputs] if isinstance(inputs, str | Path) else inputs)])
    config = PredictConfig(
        accepted=accepted,
        batch_size=batch_size,
        workers=workers,
        maps=None if maps is None else Path(maps),
        method=method,
        dicom=None if dicom is None else Path(dicom),
    )
    with progress("scoring") as on_progress:
        scored = predict_images(loaded, images, out, config, on_progress)
    about = {
        "out": str(scored.out),
        "images": scored.images,
        "scored": scored.scored,
        "refused": scored.refused,
        "in_training": scored.in_training,
        "training_not_known": scored.not_known,
        "calls": scored.calls,
    }
    return PredictionResult(out.parent, about, scored, loaded)


def predict_images(
    model: PackagedClassifier,
    images: Sequence[InputImage],
    out: Path,
    config: PredictConfig = PredictConfig(),
    on_progress: ProgressReport = silent,
) -> PredictionSummary:
    """Score images, and write a table (`hilum.prediction.table`), complete or not at all.

    An interrupted run resumes if called again with the same model, images and settings.

    Args:
        model: Loaded model.
        images: Images of `hilum.prediction.inputs.find_inputs`.
        out: File to write, .parquet or .csv.
        config: Settings.
        on_progress: Receives the number of finished images.

    Raises:
        HilumError: Another kind of file, or a heat map method that is not defined for the model.
    """
    check_table_name(out)
    if config.dicom is not None:
        check_highdicom()
    with locked(out), journal_beside(out, _order(model, images, config)) as journal:
        _score_all(model, images, config, journal, on_progress)
        if config.dicom is not None:
            write_presentation_states(model, _boxed(journal.rows(), images), config.dicom)
        table = as_table(journal.rows(), images, model.description)
        write_table(table, out)
    reasons = Counter(Reason(reason) for reason in table["reason"].drop_nulls())
    scored = table.filter(table["reason"].is_null())
    return PredictionSummary(
        out=out,
        images=len(table),
        refused=dict(reasons.most_common()),
        in_training=int(scored["in_training"].sum() or 0),
        not_known=int(scored["in_training"].null_count()),
        calls={finding: int(scored[f"call_{finding}"].sum() or 0) for finding in model.findings},
    )


def _score_all(
    model: PackagedClassifier,
    images: Sequence[InputImage],
    config: PredictConfig,
    journal: Journal,
    on_progress: ProgressReport,
) -> None:
    size = config.batch_size or model.batch_size
    in_training = TrainingMembership(model.ledger)
    waiting = [place for place in range(len(images)) if place not in journal.done]
    done, refused = len(journal.done), 0
    on_progress(done, len(images), "")
    full: list[tuple[int, ReadImage]] = []
    with journal:
        for place, read in _read_ahead(model, images, waiting, config, _AHEAD * size):
            if read.refusal is not None:
                refused += 1
                journal.add([(place, _row(images[place], read, in_training))])
                done += 1
                continue
            full.append((place, read))
            if len(full) == size:
                done += _compute(model, images, full, config, in_training, journal)
                full = []
                on_progress(done, len(images), f"{refused:,} refused" if refused else "")
        if full:
            done += _compute(model, images, full, config, in_training, journal)
        on_progress(done, len(images), f"{refused:,} refused" if refused else "")


def _read_ahead(
    model: PackagedClassifier, images: Sequence[InputImage], places: Sequence[int], config: PredictConfig, ahead: int
) -> Iterator[tuple[int, ReadImage]]:
    """Read images in threads, and yield them in order, reading at most `ahead` images in advance."""
    training = model.description.training_range

    def read(place: int) -> ReadImage:
        return read_input(images[place], model.recipe, training, config.accepted)

    rest = iter(places)
    begun: deque[tuple[int, Future[ReadImage]]] = deque()
    with one_opencv_thread(), ThreadPoolExecutor(config.workers or os.cpu_count() or 1) as pool:
        try:
            begun.extend((place, pool.submit(read, place)) for place in islice(rest, ahead))
            while begun:
                place, future = begun.popleft()
                result = future.result()
                begun.extend((later, pool.submit(read, later)) for later in islice(rest, 1))
                yield place, result
        finally:
            pool.shutdown(cancel_futures=True)


def _compute(
    model: PackagedClassifier,
    images: Sequence[InputImage],
    batch: Sequence[tuple[int, ReadImage]],
    config: PredictConfig,
    in_training: TrainingMembership,
    journal: Journal,
) -> int:
    pixels = np.stack([read.pixels for _, read in batch if read.pixels is not None])
    probabilities = model.probabilities(pixels, fill_to=config.batch_size or model.batch_size)
    if config.maps is not None:
        ids = [images[place].image_id for place, _ in batch]
        write_maps(model, ids, pixels, probabilities, config.maps, config.method)
    boxes: Sequence[FoundBoxes | None] = [None] * len(batch)
    if config.dicom is not None:
        boxes = write_dicom_results(
            model, [images[place] for place, _ in batch], pixels, probabilities, config.dicom, config.method
        )
    journal.add(
        (
            place,
            _row(images[place], read, in_training)
            | {"p": [float(value) for value in row]}
            | ({} if found is None else {"boxes": found}),
        )
        for (place, read), row, found in zip(batch, probabilities, boxes, strict=True)
    )
    return len(batch)


def _boxed(rows: Iterable[tuple[int, Row]], images: Sequence[InputImage]) -> Iterator[ScoredDicom]:
    """Yield images with DICOM results, in the order of the inputs."""
    found = {place: row for place, row in rows if "boxes" in row}
    for place in sorted(found):
        path, row = images[place].path, found[place]
        if path is not None:
            yield ScoredDicom(path, np.array(row["p"], dtype=np.float32), row["boxes"])


def _row(image: InputImage, read: ReadImage, in_training: TrainingMembership) -> Row:
    row: Row = {
        "patient": read.patient_id,
        "in_training": in_training.of(image, read.patient_id),
        "remarks": " ".join(read.remarks),
    }
    if read.refusal is not None:
        row |= {"reason": read.refusal.reason.value, "detail": read.refusal.detail}
    return row


def _order(model: PackagedClassifier, images: Sequence[InputImage], config: PredictConfig) -> str:
    files = []
    for image in images:
        fields_of_image = [image.image_id, str(image.path), image.patient_id, image.view, image.age]
        files.append([*fields_of_image, *size_and_time(image.path)])
    model_files = [
        *(card.sha256 for card in model.cards),
        fingerprint(model.description.model_dump(mode="json")),
        model.precision,
    ]
    maps = None if config.maps is None else [str(config.maps.absolute()), config.method]
    order = {"layout": 1, "model": model_files, "files": files, "accepted": sorted(config.accepted), "maps": maps}
    if config.dicom is not None:
        order["dicom"] = [str(config.dicom.absolute()), config.method, "boxes"]
    return fingerprint(order)


def accepted_reasons(words: Collection[str]) -> frozenset[Reason]:
    """Parse codes of reasons.

    Raises:
        HilumError: An unknown reason, or one that cannot be ignored.
    """
    known = [reason for reason in Reason if reason.can_be_accepted]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise HilumError("--accept", expected=", ".join(known), found=", ".join(wrong), fix="Use these codes.")
    return frozenset(Reason(word) for word in words)
