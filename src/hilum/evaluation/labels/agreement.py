"""Agreement of text-mined labels with adjudicated labels of radiologists, and the resulting AUROC ceiling.

For ChestX-ray14 Google published labels adjudicated by radiologists (Majkowska et al., Radiology 294:421-431, 2020).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from hilum.data.patients import canonical_patient_id
from hilum.data.tables import read_table, refuse_lines
from hilum.errors import HilumError
from hilum.evaluation.bootstrap import bootstrap_statistics, by_patient, point_estimate_counts, sums_statistic
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.columns import schema
from hilum.evaluation.inference import estimate_columns, number_or_null, percentile_interval
from hilum.evaluation.labels.issues import auroc_ceiling
from hilum.findings import labelled_finding

GOOGLE_AS_NIH: Mapping[str, Sequence[str]] = {
    "Pneumothorax": ("Pneumothorax",),
    "Nodule or mass": ("Nodule", "Mass"),
    "Airspace opacity": ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia"),
}
"""NIH labels of each of Google's findings. "Airspace opacity" as any of these five is Hilum's interpretation;
"fracture" has no NIH label."""

AGREEMENT_SCHEMA = schema(
    "finding nlp_label n patients adjudicated_positives nlp_positives discordant discordant_positives"
    " discordant_negatives kappa kappa_ci_low kappa_ci_high sensitivity sensitivity_ci_low sensitivity_ci_high"
    " specificity specificity_ci_low specificity_ci_high auroc_ceiling"
)


def label_agreement(
    mined: NDArray[np.floating],
    adjudicated: NDArray[np.floating],
    patients: Sequence[str],
    findings: Sequence[str],
    *,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
) -> pl.DataFrame:
    """Compare two sets of labels of the same images; the second is the reference standard.

    Args:
        mined: (N, F), 1, 0 or NaN (excluded).
        adjudicated: (N, F), 1, 0 or NaN (excluded).
        patients: (N,), patient ids.
        findings: F names.
        n_bootstrap: Number of bootstrap samples of patients.
        seed: Random seed of the resamples.

    Returns:
        finding, n, patients, adjudicated_positives, nlp_positives, discordant (discordant_positives +
        discordant_negatives of the mined labels), Cohen's kappa, sensitivity and specificity of the mined labels with
        95 % intervals over patients, and the largest AUROC of a model evaluated on the mined labels (`auroc_ceiling`).
    """
    owner = np.unique(np.asarray(patients), return_inverse=True)[1].astype(np.int32)
    units = int(owner.max()) + 1
    known = ~np.isnan(mined) & ~np.isnan(adjudicated)
    cells = np.stack([known & (mined == given) & (adjudicated == true) for given in (1, 0) for true in (1, 0)], axis=1)
    shares = by_patient(cells.reshape(len(owner), -1).astype(np.float64), owner, units)
    statistics = {"": sums_statistic(shares)}
    whole = point_estimate_counts(statistics, units)[""].reshape(4, -1, 1)
    drawn = bootstrap_statistics(statistics, units, n_bootstrap=n_bootstrap, seed=seed)[""].reshape(4, -1, n_bootstrap)
    rows = []
    for at, finding in enumerate(findings):
        tp, fp, fn, tn = (int(cell) for cell in whole[:, at, 0])
        row: dict[str, object] = {
            "finding": finding,
            "nlp_label": finding,
            "n": tp + fp + fn + tn,
            "patients": len(np.unique(owner[known[:, at]])),
            "adjudicated_positives": tp + fn,
            "nlp_positives": tp + fp,
            "discordant": fp + fn,
            "discordant_positives": fp,
            "discordant_negatives": fn,
        }
        for name, made in _AGREEMENT.items():
            interval = percentile_interval(made(drawn[:, at]))
            row |= estimate_columns(made(whole[:, at])[0], interval, name=name, prefix=f"{name}_")
        ceiling = auroc_ceiling(fp / (tp + fp), fn / (fn + tn)) if tp + fp and fn + tn else float("nan")
        rows.append(row | {"auroc_ceiling": number_or_null(ceiling)})
    return pl.DataFrame(rows, schema=AGREEMENT_SCHEMA)


def google_agreement(path: Path, *, n_bootstrap: int = BootstrapConfig.n_bootstrap, seed: int = 0) -> pl.DataFrame:
    """Compare NIH labels of ChestX-ray14 with Google's adjudicated labels, both in Google's table.

    Args:
        path: google2019_nih-chest-xray-labels.csv, optionally gzipped.
        n_bootstrap, seed: Bootstrap of patients.

    Raises:
        HilumError: No such file, or missing columns.
    """
    wanted = ["Finding Labels", "Patient ID", *GOOGLE_AS_NIH]
    if not Path(path).is_file():
        fix = "Give google2019_nih-chest-xray-labels.csv."
        raise HilumError(path, expected="adjudicated labels", found="no such file", fix=fix)
    table = read_table(path, wanted, of="Google's ChestX-ray14")
    meant = {
        labels: [labelled_finding(name, "chestxray14") for name in labels.split("|")]
        for labels in table["Finding Labels"].drop_nulls().unique()
    }
    words = {"YES": 1.0, "NO": 0.0}
    unknown = [labels for labels, findings in meant.items() if None in findings]
    labels = pl.col("Finding Labels")
    wrong = {
        "Finding Labels": (labels.is_null() | labels.is_in(unknown), "findings that ChestX-ray14 labels"),
        "Patient ID": (pl.col("Patient ID").is_null(), "a patient"),
        **{name: (~pl.col(name).is_in(list(words)), "YES, NO or blank") for name in GOOGLE_AS_NIH},
    }
    refuse_lines(path, table, wrong)
    mined = np.array(
        [
            [float(not names.isdisjoint(meant[labels])) for names in map(set, GOOGLE_AS_NIH.values())]
            for labels in table["Finding Labels"]
        ]
    )
    adjudicated = np.array(
        [[words.get(answer, np.nan) for answer in row] for row in table.select(*GOOGLE_AS_NIH).iter_rows()]
    )
    patients = [canonical_patient_id(patient) for patient in table["Patient ID"]]
    agreement = label_agreement(mined, adjudicated, patients, list(GOOGLE_AS_NIH), n_bootstrap=n_bootstrap, seed=seed)
    return agreement.with_columns(
        pl.col("finding")
        .replace_strict({name: " or ".join(nih) for name, nih in GOOGLE_AS_NIH.items()})
        .alias("nlp_label")
    )


def _kappa(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute Cohen's kappa (Educational and Psychological Measurement 20:37-46, 1960); NaN with one label only."""
    tp, fp, fn, tn = cells
    total = tp + fp + fn + tn
    agreed = tp + tn
    chance = ((tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)) / np.maximum(total, 1)
    return np.where(total > chance, (agreed - chance) / np.where(total > chance, total - chance, 1), np.nan)


def _sensitivity(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(cells[0] + cells[2] > 0, cells[0] / np.maximum(cells[0] + cells[2], 1), np.nan)


def _specificity(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(cells[1] + cells[3] > 0, cells[3] / np.maximum(cells[1] + cells[3], 1), np.nan)


_AGREEMENT = {"kappa": _kappa, "sensitivity": _sensitivity, "specificity": _specificity}
