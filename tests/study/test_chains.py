"""Starts that follow each other: own pretraining behind another, or behind labels, with one ledger for all."""

import polars as pl
import pytest

from hilum.encoders.card import read_card
from hilum.errors import HilumErrors
from hilum.study.check import check_study
from hilum.study.execution import run_study
from hilum.study.file import parse_study, tiny
from hilum.study.plan import plan_data, plan_study, step_keys, steps_of
from hilum.study.plan.prepare import prepare_study

STUDY = """\
question: Does it pay to learn in several steps?
data:
  images: {collection: chestxray14}
  others: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: images
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3}
starts:
  wide: {encoder: small_convnet, pretrain: simclr, on: others}
  labels: {encoder: small_convnet, supervise: {on: others, findings: [Cardiomegaly]}, start: wide}
  near: {encoder: small_convnet, pretrain: mocov2, on: images, start: labels}
arms:
  scratch: {encoder: small_convnet}
  chain: {start: near}
  inside: {encoder: small_convnet, init: {pretrain: simclr, on: images, start: {pretrain: simclr, on: others}}}
pretrain: {epochs: 1, batch_size: 32}
finetune: {epochs: 1, lr: 1e-3}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""


@pytest.fixture(scope="module")
def roots(images, generated):
    return {"images": images, "others": generated("vindr_cxr", 90, 2)}


def study_of(text: str = STUDY):
    return parse_study(text, where="chains.yaml")


def test_every_start_is_made_once_and_after_what_it_goes_on_from():
    made = [step for step in steps_of(study_of(), None) if step.kind in ("pretrain", "supervise")]
    assert [step.title for step in made] == [
        "pretrain simclr small_convnet on others, seed 0",
        "train small_convnet with labels of others, 1 finding, seed 0",
        "pretrain mocov2 small_convnet on images, seed 0",
        "pretrain simclr small_convnet on images, seed 0",
    ]


def test_the_plan_names_the_chain_and_all_that_is_learnt(roots):
    plan = plan_data(plan_study(study_of(), roots))
    (arm,) = [each for each in plan["arms"] if each["arm"] == "chain"]
    assert (
        arm["starts_from"]
        == "mocov2 on images/train from supervised on labels of others from simclr on others, 1 epoch"
    )
    assert arm["weights"]["trained_on"] == "images of others; images and labels of others; images of images"
    assert [row["title"].partition(" from ")[0] for row in plan["pretraining"]] == [
        "simclr on others", "mocov2 on images/train", "simclr on images/train",
    ]  # fmt: skip
    assert plan["refused"] == []


def test_a_changed_first_start_changes_all_that_goes_on_from_it(roots):
    def keys(text):
        study = study_of(text)
        steps = steps_of(study, None)
        of = step_keys(steps, prepare_study(study, roots))
        return {step.title: of[step.directory] for step in steps}

    before, after = (
        keys(STUDY),
        keys(STUDY.replace("pretrain: simclr, on: others}\n", "pretrain: simclr, on: others, epochs: 2}\n")),
    )
    changed = {title for title in before if before[title] != after.get(title)}
    assert changed >= {
        "train small_convnet with labels of others, 1 finding, seed 0",
        "pretrain mocov2 small_convnet on images, seed 0",
        "fine-tune chain, seed 0",
    }
    assert "fine-tune scratch, seed 0" not in changed


def test_a_chain_runs_and_the_ledger_of_the_last_names_all(roots, unseen, tmp_path):
    out = tmp_path / "out"
    run_study(study_of(), roots, out, show_step=unseen)
    cards = {path.parent: read_card(path.parent) for path in out.glob("pretrain/*/seed-0/card.json")}
    last = next(card for path, card in cards.items() if path.parent.name.startswith("mocov2"))
    labels = next(card for path, card in cards.items() if path.parent.name.startswith("supervised"))
    assert last.starts_from == labels.sha256
    assert set(last.ledger.patients_of) == {"phantom-s0", "phantom-s2"}
    assert last.ledger.patients_of["phantom-s2"] == labels.ledger.patients_of["phantom-s2"]
    arm = read_card(out / "arms/chain/seed-0")
    assert arm.starts_from == last.sha256
    assert arm.ledger.patients_of["phantom-s2"] == labels.ledger.patients_of["phantom-s2"]
    assert pl.read_parquet(out / "evaluation/metrics.parquet")["arm"].n_unique() == 3


@pytest.mark.slow
def test_chains_are_tried_in_miniature_and_shrunk(roots):
    (inside,) = [line for line in STUDY.splitlines(keepends=True) if line.startswith("  inside:")]
    checked = check_study(study_of(STUDY.replace(inside, "")), roots)
    assert checked.problems == []
    assert checked.arms == ["scratch", "chain"]
    assert tiny(study_of()).starts["near"].start == "labels"


def test_circles_and_other_encoders_are_reported_with_their_lines():
    text = STUDY.replace("on: others}\n  labels", "on: others, start: near}\n  labels")
    text = text.replace("near: {encoder: small_convnet", "near: {encoder: resnet34")
    with pytest.raises(HilumErrors) as error:
        study_of(text)
    message = "\n".join(error.value.problems)
    assert "starts.wide.start: starts from itself: wide from near from labels from wide" in message
    assert "starts.near.start: 'labels' is of small_convnet, not resnet34" in message
    assert "line 11" in message
