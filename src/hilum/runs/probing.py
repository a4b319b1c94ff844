"""Linear and nearest-neighbour probes of frozen features, with references.

An encoder is evaluated on patients that neither it nor the probes were trained on. Random encoders and an 8 x 8
thumbnail also distinguish findings, so each probe is fitted to their features as well, on the same images, and paired
differences have confidence intervals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hilum.data.labels import LabelPolicy, targets
from hilum.data.splits import Split, check_patients_apart
from hilum.data.store import NamedData
from hilum.encoders.card import Card
from hilum.encoders.probe import linear_probe, neighbour_probe
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.predictions import Predictions, as_predictions
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables import evaluate_arms
from hilum.notes import Code, Note, note
from hilum.pretext.monitoring import effective_rank, feature_spread
from hilum.progress import ProgressReport, silent
from hilum.runs.inputs.data import findings_of
from hilum.runs.inputs.leakage import untrained_images

ENCODER = "this encoder"
LINEAR, NEIGHBOURS = "linear", "neighbours"
_MOST_FOR_SIGNS = 4096

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class ProbedImages:
    """Images of a probe.

    Attributes:
        split: Split of the data set.
        findings: F canonical findings.
        image_ids: Ids of all images: first training images, then validation images (to choose the penalty), then test
            images.
        train, val: Numbers of training and validation images.
        patients: Full names of the patients of all images.
        targets: Labels (images, F): 1, 0 or NaN.
        notes: Excluded images, and limitations of results on the others.
    """

    split: Split
    findings: list[str]
    image_ids: list[str]
    train: int
    val: int
    patients: list[str]
    targets: NDArray[np.float32]
    notes: list[Note]

    def parts(self, rows: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """Split rows of all images into those of training, validation and test images."""
        return rows[: self.train], rows[self.train : self.train + self.val], rows[self.train + self.val :]


@dataclass(frozen=True)
class Probed:
    """Tables of probes.

    Attributes:
        metrics: `probe` ("linear" or "neighbours"), `arm`, and the columns of `evaluate_arms`.
        comparisons: Differences, this encoder minus each other arm: `probe`, `arm`, `reference`, and the columns of
            `evaluate_arms`.
        signs: Collapse metrics: `arm`, `width`, `effective_rank`, `feature_spread`, `images`.
    """

    metrics: pl.DataFrame
    comparisons: pl.DataFrame
    signs: pl.DataFrame


def images_to_probe(
    data: NamedData,
    card: Card,
    readable: Sequence[str],
    split: Split,
    *,
    findings: Sequence[str] | None = None,
    include_training_patients: bool = False,
) -> ProbedImages:
    """Split the images of a data set, and read their labels.

    Uncertain and unmentioned findings count as negative (U-Zeros of CheXpert).

    Args:
        data: The data set.
        card: Card of the encoder. Test images of patients it was trained on are excluded.
        readable: Images in the store.
        split: Split of the data set.
        findings: Findings to score; None: all that the data set labels except "No Finding".
        include_training_patients: Keep test images of patients the encoder was trained on.

    Raises:
        HilumError: No labels, a part without images, or as in
            `hilum.evaluation.training_patients.exclude_training_patients`.
    """
    check_patients_apart(split.assignment, split.title, sharing=split.sharing)
    wanted = list(findings) if findings else findings_of(data)
    ids, values = targets(data.manifest, wanted, LabelPolicy().for_scoring())
    row, can_be_read = {image_id: number for number, image_id in enumerate(ids)}, set(readable)
    parts = {part: [each for each in split.image_ids(part) if each in row] for part in ("train", "val", "test")}
    images_of = {part: [each for each in image_ids if each in can_be_read] for part, image_ids in parts.items()}
    notes = []
    unread = sum(len(parts[part]) - len(images_of[part]) for part in images_of)
    if unread:
        notes.append(note(Code.UNREADABLE_IMAGES, images=unread))
    if images_of["test"]:
        scored = untrained_images(data, images_of["test"], card, include=include_training_patients)
        images_of["test"] = scored.image_ids
        notes.extend(scored.notes)
    for part, images in images_of.items():
        if not images:
            raise HilumError(
                f"--data {data.name}",
                expected=f"{part} images in {split.title}",
                found=f"none ({'; '.join(map(str, notes)) or 'the split has none'})",
                fix="Choose another --split.",
            )
    every = [image_id for images in images_of.values() for image_id in images]
    return ProbedImages(
        split=split,
        findings=wanted,
        image_ids=every,
        train=len(images_of["train"]),
        val=len(images_of["val"]),
        patients=data.patients(every),
        targets=values[[row[image_id] for image_id in every]],
        notes=notes,
    )


def probe(
    images: ProbedImages,
    arms: Mapping[str, Callable[[], Matrix]],
    *,
    linear_only: Sequence[str] = (),
    min_positive_patients: int = EvaluationSettings.min_positive_patients,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    on_progress: ProgressReport = silent,
) -> Probed:
    """Fit probes to the features of every arm, and compare the encoder with the others on the same bootstrap samples.

    Args:
        images: Images of `images_to_probe`.
        arms: By name, functions that compute features (images, D) of all images; one is named `ENCODER`.
        linear_only: Arms whose features have no meaningful distances.
        min_positive_patients: As in `evaluate_arms`.
        n_bootstrap, seed: Number of bootstrap resamples, and their random seed.
        on_progress: Receives the number of finished arms, then of resamples.
    """
    predictions: dict[str, dict[str, list[Predictions]]] = {LINEAR: {}, NEIGHBOURS: {}}
    signs = []
    to_fit, to_choose, _ = images.parts(images.targets)
    for number, (name, make) in enumerate(arms.items()):
        on_progress(number, len(arms), name)
        features = make()
        fitted, choosing, scored = images.parts(features)
        signs.append((name, features.shape[1], *_signs(fitted)))
        linear = linear_probe((fitted, to_fit), (choosing, to_choose), scored)
        predictions[LINEAR][name] = [_predictions(images, linear, name)]
        if name not in linear_only:
            near = neighbour_probe((fitted, to_fit), scored)
            predictions[NEIGHBOURS][name] = [_predictions(images, near, name)]
    metrics, comparisons = [], []
    for which, of_arms in predictions.items():
        table, differences = evaluate_arms(
            of_arms,
            reference=ENCODER,
            n_bootstrap=n_bootstrap,
            seed=seed,
            min_positive_patients=min_positive_patients,
            on_progress=on_progress,
        )
        metrics.append(table.insert_column(0, pl.lit(which).alias("probe")))
        comparisons.append(_reversed(differences).insert_column(0, pl.lit(which).alias("probe")))
    kinds = {"arm": pl.String(), "width": pl.Int64(), "effective_rank": pl.Float64(), "feature_spread": pl.Float64()}
    return Probed(
        pl.concat(metrics),
        pl.concat(comparisons),
        pl.DataFrame(signs, {**kinds, "images": pl.Int64()}, orient="row"),
    )


def _predictions(images: ProbedImages, scores: NDArray[np.float64], name: str) -> Predictions:
    first = images.train + images.val
    truth = images.targets[first:].astype(np.float64)
    columns = {}
    for number, finding in enumerate(images.findings):
        columns[f"y_{finding}"] = pl.Series(truth[:, number]).fill_nan(None)
        columns[f"p_{finding}"] = pl.Series(np.clip(scores[:, number], 0, 1))
    table = pl.DataFrame(
        {
            "image_id": images.image_ids[first:],
            "patient_id": images.patients[first:],
            "split": ["test"] * len(truth),
            **columns,
        }
    )
    return as_predictions(table, name=name)


def _signs(features: Matrix) -> tuple[float, float, int]:
    rows = np.linspace(0, len(features) - 1, min(len(features), _MOST_FOR_SIGNS)).astype(np.int64)
    chosen = torch.from_numpy(features[rows])
    return float(effective_rank(chosen)), float(feature_spread(chosen)), len(rows)


def _reversed(differences: pl.DataFrame) -> pl.DataFrame:
    """Turn differences other minus encoder into encoder minus other."""
    return differences.with_columns(
        arm=pl.col("reference"),
        reference=pl.col("arm"),
        difference=0 - pl.col("difference"),  # avoids a negative zero
        ci_low=0 - pl.col("ci_high"),
        ci_high=0 - pl.col("ci_low"),
    )
