"""Studies whose arms pretrain on several data sets."""

import json
from dataclasses import replace

import polars as pl
import pytest

from hilum.encoders.card import read_card
from hilum.errors import HilumErrors
from hilum.phantom import write_layout
from hilum.study.execution import run_study, study_status
from hilum.study.file import parse_study, tiny
from hilum.study.identity import identify
from hilum.study.plan import contamination_of, count_images, plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare

STUDY = """\
question: Does it matter what is in the pool?
data:
  images: {collection: chestxray14}
  others: {collection: kermany}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: images
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  alone: {encoder: small_convnet, init: {pretrain: simclr, on: images}}
  both: {encoder: small_convnet, init: {pretrain: simclr, on: [images, others]}}
  half: {encoder: small_convnet, init: {pretrain: simclr, on: {images: 1, others: 0.5}}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 1, lr: 1e-3}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
"""
GENERATED = STUDY.replace("chestxray14}", "chestxray14, generate: {images: 120, size: 32}}").replace(
    "kermany}", "kermany, generate: {images: 60, size: 32, seed: 1}}"
)


@pytest.fixture(scope="module")
def generated(tmp_path_factory, unseen):
    """The study, run to its end, and its directory."""
    out, study = tmp_path_factory.mktemp("pooled") / "out", parse_study(GENERATED, where="pooled.yaml")
    run_study(study, {}, out, show_step=unseen)
    return study, out


@pytest.mark.slow
def test_pools_are_pretrained_on_once_each_and_stated_on_card_and_in_ledger(generated):
    _, out = generated
    directories = sorted(path.parent.relative_to(out / "pretrain") for path in out.glob("pretrain/*/*/card.json"))
    assert [str(path)[:37] for path in directories] == [
        "simclr-small_convnet-images+others-1e", "simclr-small_convnet-images+others-1e", "simclr-small_convnet-images-1epochs/s",
    ]  # fmt: skip
    counts = [read_card(out / "pretrain" / directory).ledger.patients_of for directory in directories]
    both, half, alone = sorted(counts, key=lambda each: -sum(each.values()))
    assert set(alone) == {"phantom-s0"}
    assert alone["phantom-s0"] == both["phantom-s0"] == half["phantom-s0"]
    assert half["phantom-s1"] == pytest.approx(both["phantom-s1"] / 2, abs=3)


@pytest.mark.slow
def test_a_finished_study_on_pools_is_found_done_and_reported(generated):
    study, out = generated
    assert {step.state for step in study_status(out)} == {"done"}
    plan = plan_data(plan_study(study, {}, out))
    assert all(step["done"] for step in plan["steps"])
    assert "simclr on images/train + others 50 %" in (out / "report.html").read_text(encoding="utf-8")
    assert set(pl.read_parquet(out / "evaluation/metrics.parquet")["arm"]) == {"alone", "both", "half"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("pools")
    write_layout("chestxray14", root / "images", images=60, size=16, seed=0)
    write_layout("kermany", root / "others", images=40, size=16, seed=1)
    return prepare(parse_study(STUDY, where="pooled.yaml"), {name: root / name for name in ("images", "others")})


def test_a_pool_has_all_but_held_out_patients_of_the_tasks_data_and_all_of_others(prepared):
    pool = prepared.pool_of(prepared.study.arms["both"].init)
    held_out = prepared.labelled.manifest.filter(pl.col("split") == "test")["image_id"].to_list()
    held_out += prepared.task.split.image_ids("val")
    patients = {*prepared.labelled.patients(held_out)}
    names = prepared.labelled.patients(prepared.labelled.manifest["image_id"].to_list())
    images = zip(prepared.labelled.manifest["image_id"], names, strict=True)
    assert pool["images"] == [image_id for image_id, name in images if name not in patients]
    assert pool["others"] == prepared.data["others"].manifest["image_id"].to_list()
    half = prepared.pool_of(prepared.study.arms["half"].init)
    assert half["images"] == pool["images"]
    assert set(half["others"]) < set(pool["others"])


def test_arms_with_other_pools_pretrain_apart_at_their_own_cost(prepared):
    steps = [step for step in steps_of(prepared.study, count_images(prepared)) if step.kind == "pretrain"]
    assert [step.init.pool() for step in steps] == ["images", "images + others", "images + others 50 %"]
    assert len({step.directory for step in steps}) == 3
    alone, both, half = (step.gigaflops for step in steps)
    assert alone < half < both


def test_a_change_of_any_pooled_data_set_is_a_change_of_the_pretraining(prepared):
    def keys():
        steps = steps_of(prepared.study, count_images(prepared))
        keys = step_keys(steps, prepared)
        return [keys[step.directory] for step in steps if step.kind == "pretrain"]

    before = keys()
    root = prepared.data["others"].dataset.root
    image = root / prepared.data["others"].manifest["path"][0]
    content = image.read_bytes()
    image.write_bytes(content + b" ")
    changed = [old != new for old, new in zip(before, keys(), strict=True)]
    image.write_bytes(content)
    assert changed == [False, True, True]


def test_no_set_of_a_pool_gives_images_of_held_out_patients(prepared):
    assert contamination_of(prepared, "both").certainty == "no"
    others, labelled = prepared.data["others"], prepared.labelled
    ids = [
        name.partition(":")[2]
        for part in ("val", "test")
        for name in labelled.patients(prepared.task.split.image_ids(part))
    ]
    shared = pl.Series([ids[0], ids[-1], *others.manifest["patient_id"].to_list()[2:]], dtype=pl.String)
    same = replace(others, manifest=others.manifest.with_columns(shared.alias("patient_id")), issuer=labelled.issuer)
    data = {**prepared.data, "others": same}
    identity = identify(prepared.study, data, prepared.task.split)
    held_out = same.manifest.filter(pl.col("patient_id").is_in([ids[0], ids[-1]]))["image_id"].to_list()
    assert held_out
    assert set(identity.pools["others"]) == set(others.manifest["image_id"]) - set(held_out)
    assert contamination_of(replace(prepared, data=data, identity=identity), "both").certainty == "no"


@pytest.mark.parametrize(
    ("pool", "complaint"),
    [
        ("[images, other]", r"arms\.both\.init\.on: 'other' is not a data set of this study"),
        ("{images: 0}", r"arms\.both\.init\.on: .* is not a data set, a list of data sets"),
        ("[images, images]", r"arms\.both\.init\.on: .* contains a data set twice"),
        ("[]", r"arms\.both\.init\.on: \[\] is not a data set"),
    ],
)
def test_pools_that_cannot_be_are_reported_with_their_line(pool, complaint):
    with pytest.raises(HilumErrors, match=complaint):
        parse_study(STUDY.replace("on: [images, others]", f"on: {pool}"), where="pooled.yaml")


def test_a_list_of_one_is_that_data_set_and_tiny_keeps_pools():
    one = parse_study(STUDY.replace("[images, others]", "[images]"), where="pooled.yaml")
    steps = [step for step in steps_of(one, None) if step.kind == "pretrain"]
    assert [step.init.pool() for step in steps] == ["images", "images + others 50 %"]
    small = tiny(parse_study(STUDY, where="pooled.yaml"))
    assert json.dumps(small.arms["half"].init.on) == '{"images": 1.0, "others": 0.5}'
