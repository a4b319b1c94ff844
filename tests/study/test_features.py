"""Features from elsewhere as arms of a study: beside an encoder, on the same images, at home and on other data."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from hilum.data.collections import read_collection
from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.evaluation import read_predictions
from hilum.study.check import check_study
from hilum.study.execution import run_study
from hilum.study.file import parse_study, tiny
from hilum.study.package import package
from hilum.study.plan import contamination_of, plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare, prepare_study

STUDY = """\
question: Are features from elsewhere better than a network trained here?
data:
  images: {collection: chestxray14}
  elsewhere: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: images
  findings: [Pleural Effusion, Infiltration]
  split: {patients: [0.4, 0.2, 0.4]}
  test_on: [elsewhere]
arms:
  scratch: {encoder: small_convnet, finetune: {unfreeze: 0}}
  good: {features: {table: {images: AT_HOME, elsewhere: AWAY}, missing: leave_out}}
  neighbours: {features: {table: {images: AT_HOME, elsewhere: AWAY}, head: knn, missing: leave_out, trained_on: [mimic_cxr_jpg]}}
finetune: {epochs: 1, lr: 1e-3, augmentation: none}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2, contaminated: mark}
"""
FINDINGS = ("Pleural Effusion", "Infiltration")


@pytest.fixture(scope="module")
def written(images, generated, tmp_path_factory):
    """The roots, and a study whose features hold the labels in noise; six images are without features."""
    folder = tmp_path_factory.mktemp("features")
    roots = {"images": images, "elsewhere": generated("vindr_cxr", 90, 2)}
    draw = np.random.default_rng(0)
    text = STUDY
    for name, collection, word in (("images", "chestxray14", "AT_HOME"), ("elsewhere", "vindr_cxr", "AWAY")):
        manifest = read_collection(collection, roots[name]).manifest
        known = manifest.select(pl.col(FINDINGS).cast(pl.Float64).fill_null(0).clip(0, 1)).to_numpy()
        values = np.concatenate([known + 0.3 * draw.normal(size=known.shape), draw.normal(size=(len(known), 3))], 1)
        table = pl.DataFrame({"image_id": manifest["image_id"], "vector": values.astype(np.float32)})
        table = table.slice(6) if word == "AT_HOME" else table
        table.write_parquet(folder / f"{name}.parquet")
        text = text.replace(word, str(folder / f"{name}.parquet"))
    return text, roots


@pytest.fixture(scope="module")
def ran(written, unseen, tmp_path_factory):
    text, roots = written
    out = tmp_path_factory.mktemp("features") / "out"
    study = parse_study(text, where="features.yaml")
    run_study(study, roots, out, show_step=unseen)
    return study, roots, out


def test_arms_of_features_are_judged_on_the_images_of_all_arms(ran):
    study, _, out = ran
    tables = {arm: read_predictions(out / f"evaluation/predictions/{arm}/seed-0.parquet") for arm in study.arms}
    assert len({tuple(each.image_ids) for each in tables.values()}) == 1
    found = {arm: roc_auc_score(each.labels[:, 0], each.scores[:, 0]) for arm, each in tables.items()}
    assert found["good"] > 0.9 > found["scratch"]
    external = pl.read_parquet(out / "evaluation/external.parquet")
    assert set(external["arm"]) == set(study.arms)
    comparisons = pl.read_parquet(out / "evaluation/comparisons.parquet")
    assert set(comparisons["arm"]) == {"good", "neighbours"}
    page = (out / "report.html").read_text()
    assert "Images without features were excluded for all arms" in page
    assert "features of images.parquet and elsewhere.parquet, logistic" in page


def test_what_the_study_does_not_know_is_reported(ran):
    study, roots, out = ran
    prepared = prepare(study, roots)
    assert sum(prepared.task.without_features.values()) == 6
    assert (
        contamination_of(prepared, "good").message == "NOT KNOWN: training patients not known (features from elsewhere)"
    )
    assert contamination_of(prepared, "neighbours").certainty == "no"
    plan = plan_data(plan_study(study, roots))
    (arm,) = [each for each in plan["arms"] if each["arm"] == "good"]
    assert arm["encoder"] == "features"
    assert arm["weights"]["trained_on"] == "training patients not known"
    assert sum(plan["without_features"].values()) == 6
    card = read_card(out / "arms/good/seed-0")
    assert card.encoder == "features"
    assert card.settings["dimensions"] == 5
    assert json.loads((out / "arms/good/seed-0/learning.json").read_text())["epochs"] == 0
    with pytest.raises(HilumError, match="an arm with a model"):
        package(out, "good", out.parent / "packaged", data=roots)


def test_unknown_training_patients_are_refused_unless_marked(written):
    text, roots = written
    study = parse_study(text.replace(", contaminated: mark", ""), where="x.yaml")
    (message,) = plan_data(plan_study(study, roots))["refused"]
    assert "arms.good" in message
    assert "training patients not known" in message


def test_missing_images_are_counted_and_refused_for_all_arms_at_once(written):
    text, roots = written
    study = parse_study(text.replace(", missing: leave_out", ""), where="x.yaml")
    with pytest.raises(HilumErrors) as error:
        prepare_study(study, roots)
    assert len(error.value.problems) == 2
    assert "no features of 6 of" in error.value.problems[0]
    assert "such as 00000001_000.png" in error.value.problems[0]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda t: pl.concat([t, t[:1]]), "twice"),
        (lambda t: t.with_columns(pl.lit([float("nan")] * 5).alias("vector")), "finite"),
        (lambda t: t.rename({"image_id": "name"}), "image_id"),
    ],
)
def test_bad_tables_are_refused_before_anything_runs(written, tmp_path, change, found):
    text, roots = written
    good = text.partition("{images: ")[2].partition(",")[0]
    change(pl.read_parquet(good)).write_parquet(tmp_path / "bad.parquet")
    study = parse_study(text.replace(good, str(tmp_path / "bad.parquet"), 1), where="x.yaml")
    with pytest.raises(HilumErrors, match=r"arms\.good\.features") as error:
        prepare_study(study, roots)
    assert found in str(error.value)


def test_another_table_or_head_is_another_step(written, tmp_path):
    text, roots = written
    study = parse_study(text, where="x.yaml")
    other = parse_study(text.replace("head: knn", "head: linear"), where="x.yaml")
    keys, changed = (step_keys(steps_of(each, None), prepare(each, roots)) for each in (study, other))
    assert {d for d in keys if keys[d] != changed[d]} == {
        "arms/neighbours/seed-0", "external/neighbours/seed-0", "evaluation", "explain", "report",
    } - {"explain"}  # fmt: skip


def test_tiny_puts_an_encoder_in_the_place_of_features(written):
    assert tiny(parse_study(written[0], where="x.yaml")).arms["good"].encoder == "resnet18"


@pytest.mark.slow
def test_a_miniature_tries_features(written):
    text, roots = written
    study = parse_study(text, where="x.yaml")
    checked = check_study(study, roots)
    assert checked.problems == []
    assert set(checked.arms) == set(study.arms)


def test_what_does_not_go_with_features_is_reported_at_once():
    text = STUDY.replace(
        "scratch: {encoder: small_convnet, finetune: {unfreeze: 0}}", "a: {encoder: small_convnet, features: x.npy}"
    )
    text = text.replace("elsewhere: AWAY}, head", "nowhere: AWAY}, head").replace("explain: null", "")
    text += "explain: {arms: [good]}\n"
    with pytest.raises(HilumErrors) as error:
        parse_study(text, where="x.yaml")
    message = "\n".join(error.value.problems)
    assert "arms.a.encoder: is not allowed beside features" in message
    assert "'nowhere' is not a data set" in message
    assert "'elsewhere' has no table" in message
    assert "'good' has precomputed features and no encoder to explain" in message
