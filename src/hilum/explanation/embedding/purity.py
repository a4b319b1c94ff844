"""Class separation in the features: neighbour purity and silhouette.

They are computed on the cosines of the features, not on their two-dimensional projection, and between different
patients only: images of one patient are similar whatever they show.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.metrics import silhouette_samples

from hilum.draws import Stream, image_keys, shuffled
from hilum.evaluation.bootstrap import Counts, Statistic, bootstrap_statistics, point_estimate_counts
from hilum.evaluation.bootstrap.config import BootstrapConfig
from hilum.evaluation.inference import TRUSTED_PATIENTS, number_or_null, percentile_interval
from hilum.explanation.embedding.classes import Grouping
from hilum.explanation.embedding.features import unit_length
from hilum.explanation.embedding.neighbours import nearest_images
from hilum.notes import Code, note, note_columns
from hilum.progress import ProgressReport, silent

ALL = "all classes"
MOST_SILHOUETTES = 3000
"""Maximum number of images for the silhouette, which needs the distances of all pairs."""
METRICS = ("purity", "above chance", "silhouette")
SCHEMA = {
    "grouping": pl.String(),
    "class": pl.String(),
    "metric": pl.String(),
    "estimate": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "chance": pl.Float64(),
    "images": pl.Int64(),
    "patients": pl.Int64(),
    "note": pl.String(),
    "codes": pl.String(),
}


@dataclass(frozen=True)
class _Measured:
    """Values of some images: their rows among the N images of the grouping, and the value of each."""

    rows: NDArray[np.int64]
    values: NDArray[np.float64]


def class_separation(
    values: NDArray[np.float32],
    patients: Sequence[str],
    grouping: Grouping,
    *,
    k: int = 20,
    n_bootstrap: int = BootstrapConfig.n_bootstrap,
    seed: int = 0,
    on_progress: ProgressReport = silent,
) -> pl.DataFrame:
    """Compute neighbour purity and silhouette of each class and of all classes, with 95 % intervals.

    purity: fraction of an image's k nearest images of other patients that have its class; the mean over images.
    Images without a class are not searched. above chance: purity minus the class's fraction of all images of other
    patients, which uninformative features reach. silhouette (Rousseeuw, J Comput Appl Math 20:53-65, 1987): with
    cosine distances, -1 to 1, over one random image per patient, at most `MOST_SILHOUETTES`.

    Intervals are from a bootstrap over the patients of the query images; the searched images are fixed.

    Args:
        values: Features, (N, D).
        patients: Patients of the N images.
        grouping: Grouping of the N images into at least two classes.
        k: Number of neighbours.
        n_bootstrap, seed: Number of bootstrap resamples, and random seed of these and of the images of the silhouette.
        on_progress: Receives the number of resamples done.

    Returns:
        `grouping`, `class` (each, then `ALL`: every image counts once), `metric`, `estimate`, `low`, `high` (null with
        fewer than two patients), `chance` (of the purity), `images`, `patients`, `note`, `codes`.
    """
    inside = np.flatnonzero([name is not None for name in grouping.of])
    index = {name: number for number, name in enumerate(grouping.classes)}
    classes = np.array([index[str(grouping.of[int(row)])] for row in inside], dtype=np.int64)
    _, codes = np.unique(np.array([patients[int(row)] for row in inside]), return_inverse=True)
    of_patient = [str(code) for code in codes]
    purity, chance = _purity(values[inside], of_patient, classes, k)
    silhouette = _silhouettes(values[inside], codes, classes, seed)
    measured = {
        "purity": purity,
        "above chance": _Measured(purity.rows, purity.values - chance[purity.rows]),
        "silhouette": silhouette,
    }
    units = int(codes.max()) + 1
    count = len(grouping.classes)
    statistics = {name: _means(each, codes, classes, units, count) for name, each in measured.items()}
    resampled = bootstrap_statistics(statistics, units, n_bootstrap=n_bootstrap, seed=seed, on_progress=on_progress)
    estimates = point_estimate_counts(statistics, units)
    rows = []
    for number, name in enumerate([*grouping.classes, ALL]):
        for metric, each in measured.items():
            here = each.rows if name == ALL else each.rows[classes[each.rows] == number]
            people = len(np.unique(codes[here]))
            low, high = (
                percentile_interval(resampled[metric][number], patients=people) if people > 1 else (np.nan, np.nan)
            )
            notes = [note(Code.FEW_PATIENTS_IN_ALL, patients=people)] if people < TRUSTED_PATIENTS else []
            expected = float(chance[here].mean()) if metric == "purity" and len(here) else float("nan")
            rows.append(
                (
                    grouping.name,
                    name,
                    metric,
                    number_or_null(estimates[metric][number]),
                    number_or_null(low),
                    number_or_null(high),
                    number_or_null(expected),
                    len(here),
                    people,
                    *note_columns(notes).values(),
                )
            )
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _purity(
    values: NDArray[np.float32], patients: list[str], classes: NDArray[np.int64], k: int
) -> tuple[_Measured, NDArray[np.float64]]:
    """Return the purity of each image with neighbours, and its chance level, (N,)."""
    nearest = nearest_images(values, patients, k).rows
    there = nearest >= 0
    same = (classes[nearest] == classes[:, None]) & there
    asked = np.flatnonzero(there.any(1))
    fractions = same[asked].sum(1) / there[asked].sum(1)
    _, codes = np.unique(np.array(patients), return_inverse=True)
    own = np.zeros((codes.max() + 1, classes.max() + 1))
    np.add.at(own, (codes, classes), 1)
    total = own.sum(0)
    of_others = total[classes] - own[codes, classes], len(classes) - own[codes].sum(1)
    chance = np.divide(of_others[0], of_others[1], out=np.full(len(classes), np.nan), where=of_others[1] > 0)
    return _Measured(asked, fractions), chance


def _silhouettes(
    values: NDArray[np.float32], codes: NDArray[np.int64], classes: NDArray[np.int64], seed: int
) -> _Measured:
    """Return the silhouettes of one image per patient; none if there are not two classes of two images."""
    order = shuffled(seed, image_keys(str(row) for row in range(len(codes))), use=Stream.PURITY)
    _, first = np.unique(codes[order], return_index=True)
    rows = np.sort(order[np.sort(first)[:MOST_SILHOUETTES]])
    counts = np.bincount(classes[rows])
    rows = rows[counts[classes[rows]] > 1]  # a class of one image has no distance within
    if len(np.unique(classes[rows])) < 2:
        return _Measured(np.array([], dtype=np.int64), np.array([]))
    unit = unit_length(values[rows])
    distances = np.clip(1 - (unit @ unit.T).astype(np.float64), 0, None)
    np.fill_diagonal(distances, 0)
    return _Measured(rows, silhouette_samples(distances, classes[rows], metric="precomputed"))


def _means(
    measured: _Measured, codes: NDArray[np.int64], classes: NDArray[np.int64], units: int, count: int
) -> Statistic:
    """Return the statistic of the means of each class, and of all: (count + 1, resamples); NaN without images."""
    sums, images = np.zeros((2, count + 1, units))
    np.add.at(sums, (classes[measured.rows], codes[measured.rows]), measured.values)
    np.add.at(images, (classes[measured.rows], codes[measured.rows]), 1)
    sums[count], images[count] = sums[:count].sum(0), images[:count].sum(0)

    def statistic(counts: Counts) -> NDArray[np.float64]:
        weights = counts.astype(np.float64)
        above, below = sums @ weights, images @ weights
        means: NDArray[np.float64] = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
        return means

    return statistic
