"""What the frozen features of one encoder tell of findings, beside encoders that have learnt nothing and shortcuts.

An encoder is judged by linear and nearest-neighbour probes on patients that neither it nor the probes have learnt from.
A number by itself says little: features of a random network, and an 8 x 8 thumbnail, distinguish findings, too. So each
probe also reads those, on the same images, and the differences have intervals of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from hilum.data.labels import LabelPolicy, targets
from hilum.data.manifest import finding_columns
from hilum.data.splits import Split, check_patients_apart
from hilum.data.store import NamedData
from hilum.encoders.card import Card
from hilum.encoders.probe import linear_probe, neighbour_probe
from hilum.errors import HilumError
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.predictions import Predictions, as_predictions
from hilum.evaluation.settings import EvaluationSettings
from hilum.evaluation.tables import evaluate_arms
from hilum.pretext.monitoring import effective_rank, feature_spread
from hilum.progress import ProgressReport, silent
from hilum.runs.inputs.exposure import unexposed

ENCODER = "this encoder"
LINEAR, NEIGHBOURS = "linear", "neighbours"
NO_FINDING = "No Finding"
_MOST_FOR_SIGNS = 4096

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class ProbedImages:
    """Images of a probe.

    Attributes:
        split: that divides them.
        findings: F of them, canonical.
        image_ids: of all images: first those that the probes are fitted to, then those that choose the penalty, then
            those that are scored.
        train, val: how many images of the first two kinds.
        patients: full names, of all images.
        targets: (images, F): 1, 0 or NaN.
        notes: what was left out and why, one sentence each.
    """

    split: Split
    findings: list[str]
    image_ids: list[str]
    train: int
    val: int
    patients: list[str]
    targets: NDArray[np.float32]
    notes: list[str]

    def parts(self, rows: Matrix) -> tuple[Matrix, Matrix, Matrix]:
        """Rows of all images as those of the three kinds."""
        return rows[: self.train], rows[self.train : self.train + self.val], rows[self.train + self.val :]


@dataclass(frozen=True)
class Probed:
    """What came out.

    Attributes:
        metrics: `probe` ("linear" or "neighbours"), `arm`, and the columns of `evaluate_arms`.
        comparisons: this encoder less each other arm: `probe`, `arm`, `reference`, and the columns of `evaluate_arms`.
        signs: `arm`, `width`, `effective_rank`, `feature_spread`, `images`: signs of collapse, not of quality.
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
    """Divide the images of a data set, and read their labels.

    Uncertain and unmentioned findings count as absent (U-Zeros of CheXpert).

    Args:
        data: the data set.
        card: of the encoder. Images to be scored of patients that it has learnt from are left out.
        readable: images that the store holds.
        split: of the data set.
        findings: to be scored; None: all that the data set has but "No Finding".
        include_training_patients: keep images of patients that the encoder has learnt from.

    Raises:
        HilumError: no labels, a part without images, or as `hilum.runs.inputs.exposure.unexposed`.
    """
    check_patients_apart(split.assignment, split.title, sharing=split.sharing)
    here = finding_columns(data.manifest)
    wanted = list(findings) if findings else [name for name in here if name != NO_FINDING] or here
    ids, values = targets(data.manifest, wanted, LabelPolicy().for_scoring())
    row, can_be_read = {image_id: number for number, image_id in enumerate(ids)}, set(readable)
    parts = {part: [each for each in split.image_ids(part) if each in row] for part in ("train", "val", "test")}
    images_of = {part: [each for each in image_ids if each in can_be_read] for part, image_ids in parts.items()}
    notes = []
    unread = sum(len(parts[part]) - len(images_of[part]) for part in images_of)
    if unread:
        notes.append(f"{unread:,} images could not be read and were set aside")
    if images_of["test"]:
        scored = unexposed(data, images_of["test"], card, include=include_training_patients)
        images_of["test"] = list(scored.image_ids)
        notes.extend(scored.notes)
    for part, images in images_of.items():
        if not images:
            raise HilumError(
                f"--data {data.name}",
                expected=f"{part} images in {split.title}",
                found=f"none ({'; '.join(notes) or 'the split has none'})",
                fix="Take another --split.",
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
    """Fit the probes to every arm's features, and compare the encoder with the others on the same resamples of
    patients.

    Args:
        images: see `images_to_probe`.
        arms: what makes features (images, D) of all images, by name; `ENCODER` among them.
        linear_only: arms whose features have no meaningful distances.
        min_positive_patients: as in `evaluate_arms`.
        n_bootstrap, seed: of the intervals.
        on_progress: receives the arms done, then the resamples.
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
        comparisons.append(_turned(differences).insert_column(0, pl.lit(which).alias("probe")))
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


def _turned(differences: pl.DataFrame) -> pl.DataFrame:
    """Other less encoder, as encoder less other."""
    return differences.with_columns(
        arm=pl.col("reference"),
        reference=pl.col("arm"),
        difference=0 - pl.col("difference"),  # and not a negative zero
        ci_low=0 - pl.col("ci_high"),
        ci_high=0 - pl.col("ci_low"),
    )
