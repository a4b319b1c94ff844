"""A study with a second folder that has no labels, and an arm whose encoder has no batch norm, from end to end."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from hypothesis import example, given, settings, strategies as st

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.zoo import create_encoder
from hilum.phantom import write_layout
from hilum.study.execution import run_study, study_status, work
from hilum.study.file import as_yaml, parse_study
from hilum.study.plan import plan_study

TEXT = """\
question: Do images without labels help?
data:
  images: {collection: chestxray14}
  more: {collection: folder, unknown_patients: own_patients}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: images
  findings: [Pleural Effusion, Infiltration]
  split: {lists: official, validation: 0.3, seed: 0}
arms:
  scratch: {encoder: small_convnet}
  frozen: {encoder: vit_tiny_patch16_224, finetune: {unfreeze: 0, lr: 1e-2}}
  simclr: {encoder: small_convnet, init: {pretrain: simclr, on: more}}
pretrain: {epochs: 1, batch_size: 16}
finetune: {epochs: 1, lr: 1e-3, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 1}
explain: null
"""


@pytest.fixture(scope="module")
def roots(images: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("second") / "made"
    write_layout("chestxray14", made, images=20, size=48, seed=7)
    folder = made.with_name("more")
    folder.mkdir()
    for path in made.rglob("*.png"):
        shutil.copy(path, folder / f"unlabelled_{path.name}")
    return {"images": images, "more": folder}


@pytest.fixture(scope="module")
def done(roots, unseen, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("second") / "out"
    run_study(parse_study(TEXT, where="second.yaml"), roots, out, show_step=unseen)
    return out


def test_the_page_shows_the_folder_without_labels(done):
    page = (done / "report.html").read_text(encoding="utf-8")
    assert "(no labels)" in page
    assert "(no labels)" in (done / "tables/counts_more.tex").read_text(encoding="utf-8")
    assert {step.state for step in study_status(done)} == {"done"}


def test_a_frozen_encoder_without_batch_norm_stands_beside_the_plain_random_one(done):
    assert {path.stem for path in (done / "baselines").glob("*.parquet")} >= {"random vit_tiny_patch16_224"}
    assert not list((done / "baselines").glob("calibrated *"))


@pytest.mark.parametrize(
    "name", ["small_convnet", "densenet121", "vit_tiny_patch16_224", "convnextv2_atto", "toh2023_cnn"]
)
def test_the_catalogue_knows_who_has_batch_norm(name):
    opponent = "calibrated" if create_encoder(name, seed=0).has_batch_norm else "plain"
    assert ARCHITECTURES[name].random_opponent == opponent


def test_the_study_file_on_the_page_is_what_was_run(done, roots):
    page = (done / "report.html").read_text(encoding="utf-8")
    listing = unescape(
        re.search(r"<pre[^>]*><code>(.*?)</code>", page[page.index("Study file, as run") :], re.DOTALL)[1]
    )
    plan = plan_study(parse_study(listing, where="page"), roots, done)
    assert plan.done == {step.directory for step in plan.steps}


def test_a_page_that_failed_is_undone_and_made_again_alone(done, roots, unseen, tmp_path, monkeypatch):
    out = Path(shutil.copytree(done, tmp_path / "out"))
    shutil.rmtree(out / "report")
    (out / "report.html").unlink()
    study = parse_study(TEXT, where="second.yaml")
    with monkeypatch.context() as patch:
        patch.setattr(work, "write_report", lambda *_: (_ for _ in ()).throw(TypeError("a cell without text")))
        with pytest.raises(TypeError, match="a cell without text"):
            run_study(study, roots, out, show_step=unseen)
    assert [step.title for step in study_status(out) if step.state != "done"] == ["write the report"]
    before = {path: path.read_text() for path in out.rglob("step.json")}
    run_study(study, roots, out, show_step=unseen)
    after = {path: path.read_text() for path in out.rglob("step.json")}
    assert {path.parent.name for path in after if after[path] != before.get(path)} == {"report"}
    assert json.loads((out / "report/step.json").read_text())["title"] == "write the report"


@settings(max_examples=30, deadline=None)
@example("a\x85b", "~")
@given(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12),
    st.sampled_from(["1e5", "on", "yes", "1_0", "0x1", "~", "1:30", "2020-01-01"]),
)
def test_a_study_written_down_is_the_same_study(question, arm):
    study = parse_study(TEXT, where="second.yaml")
    study = study.model_copy(update={"question": question, "arms": {arm: study.arms["scratch"]}})
    again = parse_study(as_yaml(study).replace("reference: scratch", f"reference: '{arm}'"), where="again")
    assert (again.question, list(again.arms)) == (question, [arm])
