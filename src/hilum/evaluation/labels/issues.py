"""Label issues (label noise): ranking, estimated noise rates and their effect on AUROC.

Confident learning (Northcutt, Jiang & Chuang, Journal of Artificial Intelligence Research 70:1373-1411, 2021), by
cleanlab, one finding at a time. It needs predictions of images the model was not trained on.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.evaluation.columns import schema
from hilum.evaluation.inference import number_or_null
from hilum.evaluation.metrics import auroc
from hilum.evaluation.predictions import Predictions
from hilum.evaluation.predictions.align import align
from hilum.notes import Code, Note, note, note_columns

SEPARATES = 0.9
"""AUROC below which confident learning flags hard images and overestimates label noise."""

LABEL_ISSUES_SCHEMA = schema(
    "image_id patient_id finding label probability label_quality is_label_issue rank",
    label=pl.Int8,
    is_label_issue=pl.Boolean,
)
NOISE_SCHEMA = schema(
    "finding n positives flagged_positives flagged_negatives noise_rate_positives noise_rate_negatives"
    " auroc_ceiling note codes"
)


def rank_label_issues(predictions: Sequence[Predictions]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rank label issues by label quality, and estimate noise rates.

    Args:
        predictions: One table a seed, of the same images; their probabilities are averaged. The model must not have
            been trained on these images.

    Returns:
        issues: For each finding the labels by ascending quality: image_id, patient_id, finding, label, probability,
            label_quality (0 to 1, the probability of the given label), is_label_issue (flagged by confident learning),
            rank (1 the lowest quality).
        noise: For each finding n, positives, flagged_positives, flagged_negatives (issues), the estimated
            noise_rate_positives and noise_rate_negatives (fractions of wrong labels), their auroc_ceiling, note.

    Raises:
        HilumError: Predictions do not match.
    """
    aligned = align({"": predictions})
    labels, scores = aligned.labels, aligned.scores[""].mean(axis=0)
    frame = predictions[0].frame.sort("image_id")
    images, patients = frame["image_id"].to_numpy(), frame["patient_id"].to_numpy()
    issues, noise = [], []
    for at, finding in enumerate(aligned.findings):
        known = ~np.isnan(labels[:, at])
        label, probability = labels[known, at].astype(np.int64), scores[known, at]
        row: dict[str, object] = {"finding": finding, "n": len(label), "positives": int(label.sum())}
        if min(label.sum(), len(label) - label.sum()) < 2:
            noise.append(row | note_columns([note(Code.TOO_FEW_LABELS)]))
            continue
        quality, is_issue, joint = _confident_learning(label, probability)
        order = np.lexsort((images[known], quality))
        issues.append(
            pl.DataFrame(
                {
                    "image_id": images[known][order],
                    "patient_id": patients[known][order],
                    "finding": finding,
                    "label": label[order],
                    "probability": probability[order],
                    "label_quality": quality[order],
                    "is_label_issue": is_issue[order],
                    "rank": np.arange(1, len(order) + 1),
                },
                schema=LABEL_ISSUES_SCHEMA,
            )
        )
        wrong_positives, wrong_negatives = joint[1, 0] / joint[1].sum(), joint[0, 1] / joint[0].sum()
        noise.append(
            row
            | {
                "flagged_positives": int((is_issue & (label == 1)).sum()),
                "flagged_negatives": int((is_issue & (label == 0)).sum()),
                "noise_rate_positives": number_or_null(float(wrong_positives)),
                "noise_rate_negatives": number_or_null(float(wrong_negatives)),
                "auroc_ceiling": number_or_null(auroc_ceiling(wrong_positives, wrong_negatives)),
            }
            | note_columns(_weakness(label, probability))
        )
    ranked = pl.concat(issues) if issues else pl.DataFrame(schema=LABEL_ISSUES_SCHEMA)
    return ranked, pl.DataFrame(noise, schema=NOISE_SCHEMA)


def auroc_under_noise(auroc: float, noise_rate_positives: float, noise_rate_negatives: float) -> float:
    """Compute the AUROC of a model on noisy labels.

    1/2 + (1 - a - b) (A - 1/2), where a of the labelled positives are negative, b of the labelled negatives are
    positive, and errors are independent of the image otherwise (Menon et al., ICML 2015, §3.2). Errors on hard images
    reduce AUROC less; errors that the model has learned do not reduce it, and are misleading.

    Args:
        auroc: AUROC A on the true labels.
        noise_rate_positives, noise_rate_negatives: Noise rates a and b, 0 to 1.
    """
    return 0.5 + (1 - noise_rate_positives - noise_rate_negatives) * (auroc - 0.5)


def auroc_ceiling(noise_rate_positives: float, noise_rate_negatives: float) -> float:
    """Compute the AUROC of a perfect model on noisy labels, 1 - (a + b) / 2; see `auroc_under_noise`."""
    return auroc_under_noise(1.0, noise_rate_positives, noise_rate_negatives)


def _weakness(label: NDArray[np.int64], probability: NDArray[np.float64]) -> list[Note]:
    """Return a note on estimates by a model that does not separate the classes well."""
    area = float(auroc(label.astype(np.float64), probability))
    return [] if area >= SEPARATES else [note(Code.WEAK_MODEL, auroc=area)]


def _confident_learning(
    label: NDArray[np.int64], probability: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return label quality, whether each label is flagged, and the estimated joint of (given, true) labels."""
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    pairs = np.column_stack([1 - probability, probability])
    quality = get_label_quality_scores(label, pairs, method="self_confidence")
    is_issue = find_label_issues(label, pairs, filter_by="prune_by_noise_rate", n_jobs=1)
    return quality, np.asarray(is_issue, dtype=np.bool_), estimate_joint(label, pairs)
