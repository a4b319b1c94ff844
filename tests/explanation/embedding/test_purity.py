"""Numbers of classes among features, against the slow way."""

import numpy as np
import polars as pl
import pytest

from hilum.explanation.embedding import ALL, METRICS, Grouping, class_separation


def grouping(*of):
    counts = {name: of.count(name) for name in dict.fromkeys(of) if name}
    return Grouping("by test", sorted(counts, key=lambda name: (-counts[name], name)), list(of))


def number(table, name, metric, column="estimate"):
    return table.filter((pl.col("class") == name) & (pl.col("metric") == metric))[column][0]


@pytest.fixture
def cloud():
    """90 images of 60 patients; class a, b or none, with a shift between the classes."""
    draw = np.random.default_rng(3)
    of = [(None, "a", "b")[number] for number in draw.choice(3, 90, p=[0.1, 0.6, 0.3])]
    values = draw.normal(size=(90, 6)) + np.array([{"a": 0.8, "b": -0.8, None: 0}[name] for name in of])[:, None]
    return values.astype(np.float32), [f"p{number}" for number in draw.integers(0, 60, 90)], grouping(*of)


def test_purity_and_chance_are_those_of_counting_neighbours_one_by_one(cloud):
    values, patients, groups = cloud
    table = class_separation(values, patients, groups, k=7, n_bootstrap=64)
    shares, chances = {"a": [], "b": []}, {"a": [], "b": []}
    for image, own in enumerate(groups.of):
        if own is None:
            continue
        others = [n for n in range(90) if groups.of[n] is not None and patients[n] != patients[image]]
        cosine = {
            n: values[image] @ values[n] / np.linalg.norm(values[image]) / np.linalg.norm(values[n]) for n in others
        }
        near = sorted(others, key=lambda n: -cosine[n])[:7]
        shares[own].append(np.mean([groups.of[n] == own for n in near]))
        chances[own].append(np.mean([groups.of[n] == own for n in others]))
    for name in ("a", "b"):
        assert number(table, name, "purity") == pytest.approx(np.mean(shares[name]), abs=1e-12)
        assert number(table, name, "purity", "chance") == pytest.approx(np.mean(chances[name]), abs=1e-12)
        above = np.mean(shares[name]) - np.mean(chances[name])
        assert number(table, name, "above chance") == pytest.approx(above, abs=1e-12)
        assert number(table, name, "purity", "images") == len(shares[name])
    together = np.mean([*shares["a"], *shares["b"]])
    assert number(table, ALL, "purity") == pytest.approx(together, abs=1e-12)
    assert table["metric"].unique().sort().to_list() == sorted(METRICS)


def test_the_interval_is_that_of_a_bootstrap_of_patients_whose_images_ask(cloud):
    values, patients, groups = cloud
    table = class_separation(values, patients, groups, k=7, n_bootstrap=2000, seed=1)
    low, high = number(table, "a", "purity", "ci_low"), number(table, "a", "purity", "ci_high")
    assert low < number(table, "a", "purity") < high
    own = [n for n, name in enumerate(groups.of) if name == "a"]
    images = {image: [] for image in own}
    for image in own:
        others = [n for n in range(90) if groups.of[n] is not None and patients[n] != patients[image]]
        unit = values / np.linalg.norm(values, axis=1, keepdims=True)
        near = sorted(others, key=lambda n: -float(unit[image] @ unit[n]))[:7]
        images[image] = np.mean([groups.of[n] == "a" for n in near])
    by_patient = {}
    for image, share in images.items():
        by_patient.setdefault(patients[image], []).append(share)
    people, draw = list(by_patient), np.random.default_rng(0)
    resampled = [
        np.mean(np.concatenate([by_patient[p] for p in draw.choice(people, len(people))])) for _ in range(4000)
    ]
    slow = np.quantile(resampled, [0.025, 0.975])
    assert (low, high) == pytest.approx(slow, abs=0.02)


def test_features_that_know_nothing_are_at_chance_and_classes_apart_are_pure():
    draw = np.random.default_rng(0)
    patients = [f"p{number // 2}" for number in range(400)]
    groups = grouping(*("ab"[number % 4 == 0] for number in range(400)))
    nothing = class_separation(draw.normal(size=(400, 5)).astype(np.float32), patients, groups, n_bootstrap=640)
    above = nothing.filter(pl.col("metric") == "above chance")
    assert ((above["ci_low"] < 0) & (above["ci_high"] > 0)).all()
    apart = draw.normal(size=(400, 5)) * 0.1 + np.where(np.arange(400) % 4 == 0, 1, -1)[:, None]
    table = class_separation(apart.astype(np.float32), patients, groups, n_bootstrap=64)
    assert table.filter(pl.col("metric") == "purity")["estimate"].to_list() == [1.0, 1.0, 1.0]
    assert number(table, ALL, "silhouette") > 0.9


def test_images_of_one_patient_that_are_together_prove_nothing():
    """Each patient is a point of its own, and of one class: with the patient's own images purity would be 1."""
    draw = np.random.default_rng(1)
    points = draw.normal(size=(40, 8))
    values = np.repeat(points, 6, axis=0) + draw.normal(size=(240, 8)) * 1e-3
    patients = [f"p{number // 6}" for number in range(240)]
    groups = grouping(*("ab"[(number // 6) % 2] for number in range(240)))
    table = class_separation(values.astype(np.float32), patients, groups, k=5, n_bootstrap=640)
    assert abs(number(table, ALL, "above chance")) < 0.2
    assert number(table, ALL, "silhouette", "images") == 40


def test_silhouettes_are_those_of_rousseeuws_definition():
    values = np.array([[1, 0], [1, 0.2], [0, 1], [0.3, 1], [0.5, 1]], dtype=np.float32)
    table = class_separation(values, list("vwxyz"), grouping("a", "a", "b", "b", "b"), k=2, n_bootstrap=64)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    distance = 1 - unit @ unit.T

    def silhouette(image):
        own, other = ([0, 1], [2, 3, 4]) if image < 2 else ([2, 3, 4], [0, 1])
        within = np.mean([distance[image, n] for n in own if n != image])
        beyond = np.mean([distance[image, n] for n in other])
        return (beyond - within) / max(beyond, within)

    assert number(table, "a", "silhouette") == pytest.approx(np.mean([silhouette(n) for n in (0, 1)]), abs=1e-6)
    assert number(table, ALL, "silhouette") == pytest.approx(np.mean([silhouette(n) for n in range(5)]), abs=1e-6)
    assert "5 patients: the interval may be too narrow" in table["note"].to_list()


def test_what_cannot_be_computed_stays_empty():
    values = np.eye(4, dtype=np.float32)
    table = class_separation(values, ["p", "p", "p", "q"], grouping("a", "a", "a", "b"), k=2, n_bootstrap=64)
    assert number(table, ALL, "silhouette") is None  # one image of each class, once there is one of each patient
    assert number(table, "b", "purity", "ci_low") is None  # one patient
