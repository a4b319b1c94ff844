"""Arms whose weights know test patients are refused, or marked in every table when the study says so."""

import json
import shutil

import polars as pl
import pytest

from hilum.data.patients import GENERATED_MARK
from hilum.encoders.card import read_card, write_card
from hilum.errors import HilumError, HilumErrors
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import arm_row, contamination_of, plan_study, refuse_contaminated, start_of
from hilum.study.plan.prepare import prepare


@pytest.fixture
def prepared_with(small_text, images):
    """The small study with other starting weights of its first arm, prepared."""

    def make(init: str, more: str = "", root=images):
        text = small_text.replace(
            "scratch: {encoder: small_convnet}", f"scratch: {{encoder: small_convnet, init: {init}}}"
        )
        study = parse_study(text.replace("evaluate: {", f"evaluate: {{{more}"), where="small.yaml")
        return prepare(study, {"images": root})

    return make


@pytest.fixture
def weights(finished, tmp_path):
    """A copy of the study's own pretrained encoder whose card names further patients."""

    def make(*patients: str):
        source = next((finished / "pretrain").glob("*/seed-0"))
        directory = tmp_path / "weights"
        directory.mkdir()
        (directory / "encoder.safetensors").write_bytes((source / "encoder.safetensors").read_bytes())
        card = read_card(source)
        write_card(
            card.model_copy(update={"training_patients": sorted({*card.training_patients, *patients})}), directory
        )
        return directory

    return make


def test_random_weights_and_training_patients_are_clean(prepared_with, weights):
    assert contamination_of(prepared_with("random"), "scratch").certainty == "no"
    assert contamination_of(prepared_with(str(weights())), "scratch").certainty == "no"


def test_weights_that_saw_a_test_patient_are_refused_and_named(prepared_with, weights):
    clean = prepared_with("random")
    patient = clean.labelled.patients(clean.task.test_ids)[0]
    seen = prepared_with(str(weights(patient)))
    assert contamination_of(seen, "scratch").patients == 1
    with pytest.raises(
        HilumErrors, match=r"arms\.scratch: was it trained on test patients\? YES: .* 1 of \d+ test patients"
    ):
        refuse_contaminated(seen)


def test_a_study_may_ask_to_go_on_and_mark_them(prepared_with, weights):
    clean = prepared_with("random")
    patient = clean.labelled.patients(clean.task.test_ids)[0]
    seen = prepared_with(str(weights(patient)), "contaminated: mark, ")
    refuse_contaminated(seen)
    assert contamination_of(seen, "scratch").certainty == "yes"


def test_the_same_number_of_another_population_is_another_patient(prepared_with, weights):
    clean = prepared_with("random")
    number = clean.labelled.patients(clean.task.test_ids)[0].partition(":")[2]
    assert contamination_of(prepared_with(str(weights(f"phantom-s1:{number}"))), "scratch").certainty == "no"


def test_names_of_data_sets_in_a_study_do_not_matter(images, small_text, weights):
    renamed = parse_study(small_text.replace("images", "others"), where="renamed.yaml")
    clean = prepare(renamed, {"others": images})
    patient = clean.labelled.patients(clean.task.test_ids)[0]
    text = small_text.replace("images", "others").replace(
        "scratch: {encoder: small_convnet}", f"scratch: {{encoder: small_convnet, init: {weights(patient)}}}"
    )
    assert contamination_of(prepare(parse_study(text, where="x"), {"others": images}), "scratch").patients == 1


def test_a_published_weight_is_matched_by_what_its_authors_state(small_text, images, tmp_path):
    # The generated images stand for real ones here: without their mark they are ChestX-ray14's.
    root = tmp_path / "as_if_real"
    root.mkdir()
    for path in images.iterdir():
        if path.name != GENERATED_MARK:
            shutil.copytree(path, root / path.name) if path.is_dir() else shutil.copy(path, root)
    text = small_text.replace("scratch: {encoder: small_convnet}", "scratch: {encoder: densenet121, init: chexnet}")
    found = prepare(parse_study(text, where="x"), {"images": root})
    seen = contamination_of(found, "scratch")
    lists = found.labelled.manifest.filter(pl.col("image_id").is_in(found.task.test_ids))["split_chexnet"]
    assert seen.certainty == "yes"
    assert seen.images == int(lists.is_in(["train", "val"]).sum()) > 0
    with pytest.raises(HilumErrors, match=r"arms\.scratch: .*split_chexnet"):
        refuse_contaminated(found)


def test_the_plan_says_where_an_arm_starts_and_what_that_was_trained_on(small_text, images):
    text = small_text.replace("scratch: {encoder: small_convnet}", "scratch: {encoder: resnet18, init: imagenet1k}")
    row = arm_row(plan_study(parse_study(text, where="x"), {"images": images}), "scratch")
    assert row["starts_from"] == "imagenet1k"
    assert row["weights"]["licence"]
    assert row["weights"]["trained_on"] == "no radiographs"
    assert row["trained_on_test_patients"] == "no"
    json.dumps(row)


def test_a_name_that_is_no_weight_is_refused(small_text, images):
    text = small_text.replace("scratch: {encoder: small_convnet}", "scratch: {encoder: resnet18, init: imagenet2k}")
    with pytest.raises(HilumError, match="imagenet2k"):
        start_of(parse_study(text, where="x"), "scratch")


def test_a_marked_arm_is_marked_in_every_table(small_text, images, weights, unseen, tmp_path):
    clean = prepare(parse_study(small_text, where="x"), {"images": images})
    patient = clean.labelled.patients(clean.task.test_ids)[0]
    text = (
        small_text.replace(
            "scratch: {encoder: small_convnet}", f"scratch: {{encoder: small_convnet, init: {weights(patient)}}}"
        )
        .replace("evaluate: {", "evaluate: {contaminated: mark, ")
        .replace("  linear: ", "  other: {encoder: small_convnet}\n  gone: ")
    )
    study = parse_study(text, where="x")
    study = study.model_copy(
        update={"arms": {name: study.arms[name] for name in ("scratch", "other")}, "evaluate": study.evaluate}
    )
    page = run_study(study, {"images": images}, tmp_path / "out", show_step=unseen)
    assert page.read_text(encoding="utf-8").count("scratch †") >= 3
    arms = pl.read_csv(page.parent / "tables" / "arms.csv")
    assert dict(arms.select("arm", "trained_on_test_patients").iter_rows()) == {"scratch": True, "other": False}
