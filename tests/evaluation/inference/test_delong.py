import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from hilum.evaluation import auroc, delong

# Albumin, total protein, K-G score and outcome of 43 patients with ovarian cancer: those of DeLong, DeLong &
# Clarke-Pearson, Biometrics 44:837-845 (1988), section 3, who have all three. Compared row by row with the example
# "Comparing Receiver Operating Characteristic Curves" of PROC LOGISTIC in the SAS/STAT User's Guide
# (support.sas.com/documentation/cdl/en/statug/68162/HTML/default/statug_logistic_examples08.htm). The paper itself has
# six patients more, and areas of 0.72, 0.65 and 0.69.
OVARIAN = """
3.0 5.8 10 0   3.2 6.3  5 1   3.9 6.8  3 1   2.8 4.8  6 0   3.2 5.8  3 1   0.9 4.0  5 0   2.5 5.7  8 0   1.6 5.6  5 1
3.8 5.7  5 1   3.7 6.7  6 1   3.2 5.4  4 1   3.8 6.6  6 1   4.1 6.6  5 1   3.6 5.7  5 1   4.3 7.0  4 1   3.6 6.7  4 0
2.3 4.4  6 1   4.2 7.6  4 0   4.0 6.6  6 0   3.5 5.8  6 1   3.8 6.8  7 1   3.0 4.7  8 0   4.5 7.4  5 1   3.7 7.4  5 1
3.1 6.6  6 1   4.1 8.2  6 1   4.3 7.0  5 1   4.3 6.5  4 1   3.2 5.1  5 1   2.6 4.7  6 1   3.3 6.8  6 0   1.7 4.0  7 0
3.7 6.1  5 1   3.3 6.3  7 1   4.2 7.7  6 1   3.5 6.2  5 1   2.9 5.7  9 0   2.1 4.8  7 1   2.8 6.2  8 0   4.0 7.0  7 1
3.3 5.7  6 1   3.7 6.9  5 1   3.6 6.6  5 1
"""

# Ratings of CT images, from definitely normal to definitely abnormal: Hanley & McNeil, Radiology 143:29-36 (1982),
# table I: 58 normal and 51 abnormal patients. Compared with the counts in the example "from table 1 of Hanley & McNeil
# (1982)" of a public Matlab ROC toolbox. The area follows from the counts by hand: 1321 / 1479 = 0.893.
CT_NORMAL, CT_ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]


def by_all_pairs(labels, layers, patients):
    """Obuchowski's equations written out over the table of all pairs: independent of ranks."""
    positive = labels == 1
    m, n = positive.sum(), (~positive).sum()
    wins = [
        (row[positive][:, None] > row[~positive]) + 0.5 * (row[positive][:, None] == row[~positive]) for row in layers
    ]
    areas = np.array([table.mean() for table in wins])
    ids = np.unique(patients)
    p, q = patients[positive], patients[~positive]
    x = np.array([[sum(t.mean(axis=1)[p == i] - a) for i in ids] for t, a in zip(wins, areas, strict=True)])
    y = np.array([[sum(t.mean(axis=0)[q == i] - a) for i in ids] for t, a in zip(wins, areas, strict=True)])
    i10, i01, i = len(set(p)), len(set(q)), len(ids)
    s10, s01 = i10 / ((i10 - 1) * m) * x @ x.T, i01 / ((i01 - 1) * n) * y @ y.T
    s11 = i / (i - 1) * x @ y.T
    return areas, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 4), st.integers(0, 8)), min_size=6, max_size=30)
)
def test_equals_the_u_statistic_over_all_pairs_with_ties_and_clusters(rows):
    label, first, second, patients = np.array(rows).T
    if min(len(set(patients[label == side])) for side in (0, 1)) < 2:
        return
    layers = np.stack([first, second])
    areas, covariance = by_all_pairs(label, layers, patients)
    fast = delong(label, layers, patients)
    assert fast.aurocs == pytest.approx(areas, abs=1e-12)
    assert fast.covariance == pytest.approx(covariance, abs=1e-12)


def test_with_one_image_a_patient_clusters_change_nothing():
    rng = np.random.default_rng(0)
    label, layers = rng.integers(0, 2, 80), rng.integers(0, 9, (2, 80))
    alone, clustered = delong(label, layers), delong(label, layers, np.arange(80))
    assert clustered.covariance == pytest.approx(alone.covariance, abs=1e-15)
    positive = label == 1
    components = [
        np.mean(layers[0][positive][:, None] > layers[0][~positive], axis=1)
        + np.mean(layers[0][positive][:, None] == layers[0][~positive], axis=1) / 2
    ]
    components.append(
        np.mean(layers[0][positive][:, None] > layers[0][~positive], axis=0)
        + np.mean(layers[0][positive][:, None] == layers[0][~positive], axis=0) / 2
    )
    variance = sum(np.var(part, ddof=1) / len(part) for part in components)
    assert alone.covariance[0, 0] == pytest.approx(variance, abs=1e-14)


def test_copies_of_images_add_no_evidence():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, 60)
    score = rng.normal(size=60) + label
    once = delong(label, score)
    copied = delong(np.repeat(label, 5), np.repeat(score, 5), np.repeat(np.arange(60), 5))
    assert copied.covariance == pytest.approx(once.covariance, rel=1e-12)
    assert delong(np.repeat(label, 5), np.repeat(score, 5)).covariance[0, 0] < 0.3 * once.covariance[0, 0]


def test_the_ovarian_cancer_data_give_the_areas_errors_and_contrasts_of_other_software():
    # Areas, intervals of areas and p-values as MLstatkit 0.1.91 (Delong_test) computes them from the same data; errors
    # and intervals of contrasts follow from these.
    albumin, protein, kg, outcome = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    assert len(outcome) == 43
    result = delong(1 - outcome, np.stack([-albumin, -protein, kg]))
    assert result.aurocs == pytest.approx([0.7366, 0.6478, 0.7258], abs=5e-5)
    assert np.sqrt(np.diag(result.covariance)) == pytest.approx([0.0927, 0.1000, 0.1028], abs=5e-5)
    difference, low, high, p = result.difference(0, 2)
    assert (difference, low, high, p) == pytest.approx((0.0108, -0.1761, 0.1976, 0.9102), abs=2e-4)
    difference, low, high, p = result.difference(1, 2)
    assert (difference, low, high, p) == pytest.approx((-0.0780, -0.2830, 0.1271, 0.4561), abs=2e-4)
    areas, covariance = by_all_pairs(1 - outcome, np.stack([-albumin, -protein, kg]), np.arange(43))
    assert result.aurocs == pytest.approx(areas, abs=1e-12)
    assert result.covariance == pytest.approx(covariance, abs=1e-12)


def test_the_ct_ratings_give_the_published_area():
    label = np.repeat([0, 1], [58, 51])
    score = np.concatenate([np.repeat(range(5), CT_NORMAL), np.repeat(range(5), CT_ABNORMAL)])
    assert auroc(label, score) == pytest.approx(1321 / 1479, abs=1e-12)
    assert np.sqrt(delong(label, score).covariance[0, 0]) == pytest.approx(0.032, abs=2e-3)


def test_an_arm_does_not_differ_from_itself_and_unknown_labels_do_not_count():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 50).astype(float), rng.normal(size=50)
    assert delong(label, np.stack([score, score])).difference(0, 1) == (0, 0, 0, 1)
    more = delong(np.append(label, np.nan), np.append(score, 9.0))
    assert more.covariance == pytest.approx(delong(label, score).covariance)


def test_without_enough_patients_there_is_no_covariance():
    assert np.isnan(delong([1, 1], [0.1, 0.2]).aurocs[0])
    one = delong([1, 1, 0, 0], [0.4, 0.3, 0.1, 0.2], [0, 0, 1, 2])
    assert one.aurocs[0] == 1
    assert np.isnan(one.covariance).all()


def test_the_interval_stays_within_zero_and_one():
    low, high = delong([0, 0, 0, 1, 1, 1], [0.1, 0.2, 0.6, 0.5, 0.8, 0.9]).interval()
    assert 0 < low < 8 / 9 < high < 1
