"""Studies whose arms pretrain on several data sets."""

import json
from dataclasses import replace

import polars as pl
import pytest

from hilum.data.phantom import write_layout
from hilum.encoders.card import read_card
from hilum.errors import HilumErrors
from hilum.study.describe import plan_data, plan_study
from hilum.study.keys import step_keys
from hilum.study.ledger import contamination_of
from hilum.study.plan import count_films, steps_of
from hilum.study.prepare import prepare
from hilum.study.read import parse_study
from hilum.study.run import run_study
from hilum.study.scale import tiny
from hilum.study.status import study_status

STUDY = """\
question: Does it matter what is in the pool?
data:
  films: {collection: chestxray14}
  others: {collection: kermany}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: films
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 30, seed: 0}
arms:
  alone: {encoder: toh2023_densenet, init: {pretrain: simclr, on: films}}
  both: {encoder: toh2023_densenet, init: {pretrain: simclr, on: [films, others]}}
  half: {encoder: toh2023_densenet, init: {pretrain: simclr, on: {films: 100, others: 50}}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 1, lr: 1e-3}
seeds: [0]
evaluate: {redraws: 100, min_positives: 2}
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
def test_pools_are_pretrained_on_once_each_and_told_on_card_and_in_ledger(generated):
    _, out = generated
    directories = sorted(path.parent.relative_to(out / "pretrain") for path in out.glob("pretrain/*/*/card.json"))
    assert [str(path)[:39] for path in directories] == [
        "simclr-toh2023_densenet-films+others-1e", "simclr-toh2023_densenet-films+others-1e", "simclr-toh2023_densenet-films-1epochs/s",
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
    assert "simclr on films/train + others 50 %" in (out / "report.html").read_text(encoding="utf-8")
    assert set(pl.read_parquet(out / "evaluation/metrics.parquet")["arm"]) == {"alone", "both", "half"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("pools")
    write_layout("chestxray14", root / "films", images=60, size=16, seed=0)
    write_layout("kermany", root / "others", images=40, size=16, seed=1)
    return prepare(parse_study(STUDY, where="pooled.yaml"), {name: root / name for name in ("films", "others")})


def test_a_pool_has_training_patients_of_the_tasks_data_and_all_of_others(prepared):
    pool = prepared.pool_of(prepared.study.arms["both"].init)
    assert pool == {"films": prepared.task.pool_ids, "others": prepared.data["others"].manifest["image_id"].to_list()}
    half = prepared.pool_of(prepared.study.arms["half"].init)
    assert half["films"] == pool["films"]
    assert set(half["others"]) < set(pool["others"])


def test_arms_with_other_pools_pretrain_apart_at_their_own_cost(prepared):
    steps = [step for step in steps_of(prepared.study, count_films(prepared)) if step.kind == "pretrain"]
    assert [step.data for step in steps] == ["films", "films + others", "films + others 50 %"]
    assert len({step.directory for step in steps}) == 3
    alone, both, half = (step.gigaflops for step in steps)
    assert alone < half < both


def test_a_change_of_any_pooled_data_set_is_a_change_of_the_pretraining(prepared):
    def keys():
        steps = steps_of(prepared.study, count_films(prepared))
        keys = step_keys(steps, prepared)
        return [keys[step.directory] for step in steps if step.kind == "pretrain"]

    before = keys()
    root = prepared.data["others"].collected.root
    film = root / prepared.data["others"].manifest["path"][0]
    content = film.read_bytes()
    film.write_bytes(content + b" ")
    changed = [old != new for old, new in zip(before, keys(), strict=True)]
    film.write_bytes(content)
    assert changed == [False, True, True]


def test_every_set_of_a_pool_counts_for_the_ledger(prepared):
    assert contamination_of(prepared, "both").certainty == "no"
    others = prepared.data["others"]
    _, _, number = prepared.labelled.patients(prepared.task.test_ids[:1])[0].partition(":")
    manifest = others.manifest.with_columns(pl.lit(number).alias("patient_id"))
    seen = replace(others, manifest=manifest, issuer=prepared.labelled.issuer)
    known = replace(prepared, data={**prepared.data, "others": seen})
    assert contamination_of(known, "both").patients == 1
    assert contamination_of(known, "alone").patients == 0


@pytest.mark.parametrize(
    ("pool", "complaint"),
    [
        ("[films, other]", r"arms\.both\.init\.on: 'other' is not a data set of this study"),
        ("{films: 0}", r"arms\.both\.init\.on: .* is neither a data set, nor a list of them"),
        ("[films, films]", r"arms\.both\.init\.on: .* names a data set twice"),
        ("[]", r"arms\.both\.init\.on: \[\] is neither a data set"),
    ],
)
def test_pools_that_cannot_be_are_told_with_their_line(pool, complaint):
    with pytest.raises(HilumErrors, match=complaint):
        parse_study(STUDY.replace("on: [films, others]", f"on: {pool}"), where="pooled.yaml")


def test_a_list_of_one_is_that_data_set_and_tiny_keeps_pools():
    one = parse_study(STUDY.replace("[films, others]", "[films]"), where="pooled.yaml")
    steps = [step for step in steps_of(one, None) if step.kind == "pretrain"]
    assert [step.data for step in steps] == ["films", "films + others 50 %"]
    small = tiny(parse_study(STUDY, where="pooled.yaml"))
    assert json.dumps(small.arms["half"].init.on) == '{"films": 100.0, "others": 50.0}'
