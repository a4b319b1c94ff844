"""Studies on folders: few labels, many unlabelled images, the same images under other names."""

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from hilum.data.store import build_store
from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import (
    contamination_of,
    doubts_of,
    plan_data,
    plan_study,
    refuse_contaminated,
    without_pixel_copies,
)
from hilum.study.plan.leakage.pixel_copies import held_copies
from hilum.study.plan.prepare import prepare

STUDY = """\
question: Do unlabelled images help?
data:
  ours: {collection: folder, labels: labels.csv OURS}
  MORE
preprocess: [{square: pad}, {resize: 32}]
task:
  on: ours
  findings: [Mass]
  split: {patients: [0.5, 0.2, 0.3], seed: 0}
arms:
  scratch: {encoder: resnet18}
  own: {encoder: resnet18, init: {pretrain: simclr, on: [ours POOL]}}
pretrain: {epochs: 1, copies: COPIES}
"""
PATIENTS, LABELLED = 40, 30
"""Two images a patient; those of the last ten have no row in the CSV."""


def made_image(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 256, (5, 5), dtype=np.uint8)
    return cv2.resize(noise, (24, 24), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Names tell nothing of the patients; labels have ids, and second images of odd patients a blank cell."""
    root = tmp_path_factory.mktemp("identity") / "ours"
    root.mkdir()
    lines = ["image,patient_id,Mass"]
    for number in range(2 * PATIENTS):
        cv2.imwrite(str(root / f"{chr(97 + number % 26)}{number}.png"), made_image(number))
        patient, second = divmod(number, 2)
        if patient < LABELLED:
            blank = second and patient % 2
            lines.append(f"{chr(97 + number % 26)}{number}.png,p{patient},{'' if blank else patient % 3 % 2}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def studied(folder):
    """Prepares the study with a second folder or without."""

    def make(
        second: Path | None = None, settings: str = "", ours: str = ", unknown_patients: own_patients", copies="refuse"
    ):
        more = f"second: {{collection: folder{settings}}}" if second else ""
        text = STUDY.replace("MORE", more).replace("OURS", ours).replace("COPIES", copies)
        text = text.replace("POOL", ", second" if second else "")
        roots = {"ours": folder} | ({"second": second} if second else {})
        return prepare(parse_study(text, where="study.yaml"), roots)

    return make


def copied(prepared, target: Path, *, ids: bool, parts=("test",), recoded: bool = False) -> Path:
    """A second folder with the held-out images under other names."""
    target.mkdir()
    lines = ["image,patient_id"]
    for part in parts:
        for image_id in prepared.task.split.image_ids(part):
            source, name = prepared.labelled.dataset.root / image_id, f"other_{image_id}"
            if recoded:
                cv2.imwrite(str(target / name), cv2.imread(str(source), 0), [cv2.IMWRITE_PNG_COMPRESSION, 0])
            else:
                (target / name).write_bytes(source.read_bytes())
            lines.append(f"{name},{prepared.labelled.patients([image_id])[0].partition(':')[2]}")
    if ids:
        (target / "second.csv").write_text("\n".join(lines) + "\n")
    return target


def codes(prepared, **stores) -> list[str]:
    return [doubt.code for doubt in doubts_of(prepared, "own", **stores)]


def test_unlabelled_images_take_no_part_in_the_task_and_pretrain(studied):
    prepared = studied()
    manifest = prepared.labelled.manifest
    unlabelled = set(manifest.filter(~pl.col("labelled"))["image_id"])
    assert len(manifest) == 2 * PATIENTS
    assert len(unlabelled) == 2 * (PATIENTS - LABELLED) + LABELLED // 2
    assert set(prepared.task.manifest["image_id"]) == set(manifest["image_id"]) - unlabelled
    dealt = {*prepared.task.train.image_ids, *prepared.task.val.image_ids, *prepared.task.test_ids}
    assert dealt == set(prepared.task.manifest["image_id"])
    held_out = {
        *prepared.labelled.patients(prepared.task.split.image_ids("val")),
        *prepared.labelled.patients(prepared.task.test_ids),
    }
    names = dict(zip(manifest["image_id"], prepared.labelled.patients(manifest["image_id"].to_list()), strict=True))
    assert prepared.pretraining_ids("ours") == [each for each in manifest["image_id"] if names[each] not in held_out]
    assert unlabelled & set(prepared.pretraining_ids("ours"))
    assert any(names[each] in held_out for each in unlabelled)


def test_the_plan_counts_labelled_and_unlabelled_images_and_the_pool(studied, folder):
    prepared = studied()
    row = plan_data(plan_study(prepared.study, {"ours": folder}))["data"][0]
    assert row["images"] == 2 * PATIENTS
    assert row["unlabelled"] == 2 * (PATIENTS - LABELLED) + LABELLED // 2
    assert row["pool"] == len(prepared.pretraining_ids("ours"))
    assert sum(row["splits"].values()) == len(prepared.task.manifest)


def test_images_without_a_patient_id_are_refused_left_out_or_taken_as_the_study_says(studied):
    refused = studied(ours="")
    assert codes(refused) == ["without_patient"]
    assert contamination_of(refused, "own").certainty == "unknown"
    with pytest.raises(
        HilumErrors, match=r"20 images of ours have no patient id.*data\.ours\.unknown_patients: leave_out"
    ):
        refuse_contaminated(refused)
    left_out = studied(ours=", unknown_patients: leave_out")
    refuse_contaminated(left_out)
    assert contamination_of(left_out, "own").certainty == "no"
    taken = studied()
    refuse_contaminated(taken)
    assert contamination_of(taken, "own").certainty == "unknown"
    assert len(taken.pretraining_ids("ours")) == len(left_out.pretraining_ids("ours")) + 20
    assert contamination_of(taken, "scratch").certainty == "no"


def test_without_any_patient_ids_the_verdict_is_not_known_and_nothing_is_refused(studied, folder, tmp_path):
    labels = pl.read_csv(folder / "labels.csv").drop("patient_id")
    labels.write_csv(tmp_path / "bare.csv")
    text = STUDY.replace("labels.csv OURS", str(tmp_path / "bare.csv")).replace("  MORE\n", "").replace(" POOL", "")
    bare = prepare(parse_study(text.replace("COPIES", "refuse"), where="study.yaml"), {"ours": folder})
    assert contamination_of(bare, "own").certainty == "unknown"
    refuse_contaminated(bare)


def test_the_same_folder_twice_is_known_again_by_its_files(studied, folder):
    twice = studied(folder, ", unknown_patients: own_patients")
    held_out = {*twice.task.split.image_ids("val"), *twice.task.test_ids}
    assert set(twice.pretraining_ids("second")) == set(twice.pretraining_ids("ours"))
    assert not held_out & set(twice.pretraining_ids("second"))
    refuse_contaminated(twice)
    answered = studied(folder, ", unknown_patients: leave_out", ours=", unknown_patients: leave_out")
    assert contamination_of(answered, "own").certainty == "no"


def test_copies_with_the_same_ids_under_another_name_are_refused_with_the_question(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True)
    prepared = studied(second, ", labels: second.csv")
    assert {"shared_ids", "copies"} <= set(codes(prepared))
    seen = contamination_of(prepared, "own")
    assert (seen.certainty, seen.images) == ("yes", len(prepared.task.test_ids))
    with pytest.raises(HilumErrors, match=r"are these the same people\?.*data\.ours\.issuer"):
        refuse_contaminated(prepared)


def test_the_plan_says_what_run_refuses(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True)
    prepared = studied(second, ", labels: second.csv")
    plan = plan_data(plan_study(prepared.study, {"ours": prepared.labelled.dataset.root, "second": second}))
    with pytest.raises(HilumErrors) as refused:
        refuse_contaminated(prepared)
    assert plan["refused"] == refused.value.problems != []


def test_equal_ids_are_asked_about_without_any_copy(studied, tmp_path):
    second = tmp_path / "second"
    second.mkdir()
    cv2.imwrite(str(second / "new.png"), made_image(999))
    (second / "second.csv").write_text("image,patient_id\nnew.png,p1\n")
    assert "shared_ids" in codes(studied(second, ", labels: second.csv"))
    two = studied(second, ", labels: second.csv, issuer: b", ours=", issuer: a, unknown_patients: leave_out")
    assert contamination_of(two, "own").certainty == "no"
    assert two.pretraining_ids("second") == ["new.png"]


def test_one_issuer_leaves_the_test_patients_out_under_any_name(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True, parts=("test", "train"))
    answer = ", issuer: hospital, unknown_patients: leave_out"
    prepared = studied(second, ", labels: second.csv, issuer: hospital", ours=answer)
    names = set(prepared.data["second"].patients(prepared.pretraining_ids("second")))
    assert names
    assert not names & set(prepared.labelled.patients(prepared.task.test_ids))
    assert contamination_of(prepared, "own").certainty == "no"


def test_copies_of_other_people_are_refused_or_left_out_with_all_images_of_theirs(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True)
    cv2.imwrite(str(second / "more.png"), made_image(999))
    with (second / "second.csv").open("a") as table:
        table.write(f"more.png,{studied().labelled.patients(studied().task.test_ids)[0].partition(':')[2]}\n")
    two = {"settings": ", labels: second.csv, issuer: b", "ours": ", issuer: a, unknown_patients: leave_out"}
    refused = studied(second, **two)
    assert codes(refused) == ["copies"]
    with pytest.raises(HilumErrors, match=r"images of second are copies .*other_.* is ours's"):
        refuse_contaminated(refused)
    left_out = studied(second, **two, copies="leave_out")
    assert left_out.pretraining_ids("second") == []
    refuse_contaminated(left_out)


def test_a_pool_without_images_is_refused(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True)
    text = STUDY.replace("OURS", ", issuer: a").replace(
        "MORE", "second: {collection: folder, labels: second.csv, issuer: a}"
    )
    text = text.replace("COPIES", "refuse").replace("[ours POOL]", "second")
    with pytest.raises(HilumError, match=r"arms\.own\.init\.on: expected pretraining images.*found none in second"):
        prepare(parse_study(text, where="study.yaml"), {"ours": studied().labelled.dataset.root, "second": second})


def test_recoded_copies_are_found_by_their_pixels(studied, tmp_path):
    second = copied(studied(), tmp_path / "second", ids=True, recoded=True)
    two = {"settings": ", labels: second.csv, issuer: b", "ours": ", issuer: a, unknown_patients: leave_out"}
    prepared = studied(second, **two)
    assert codes(prepared) == []  # files of other bytes
    stores = {
        name: build_store(prepared.stored_images(name), data.dataset.root, prepared.recipe, tmp_path / f"store-{name}")
        for name, data in prepared.data.items()
    }
    pools = prepared.pool_of(prepared.study.arms["own"].init)
    found = held_copies(prepared, stores, pools)
    assert {copy.of_image_id for copy in found} == set(prepared.task.test_ids)
    assert {copy.kind for copy in found} == {"pixels"}
    assert contamination_of(prepared, "own", stores).certainty == "yes"
    with pytest.raises(HilumErrors, match=r"(?s)pretrain\.copies: leave_out.*second: other_.* has the pixels of "):
        without_pixel_copies(prepared, stores, pools)
    selected = without_pixel_copies(studied(second, **two, copies="leave_out"), stores, pools)
    assert selected == {"ours": pools["ours"], "second": []}


@pytest.mark.slow
def test_a_study_of_few_labels_runs_to_its_page_and_says_what_was_learnt_from(folder, unseen, tmp_path):
    text = STUDY.replace("OURS", ", unknown_patients: own_patients").replace("  MORE\n", "").replace(" POOL", "")
    text = text.replace("COPIES", "refuse") + "finetune: {epochs: 1}\nseeds: [0]\nexplain: null\n"
    study = parse_study(text + "evaluate: {n_bootstrap: 100, min_positive_patients: 2}\n", where="study.yaml")
    page = run_study(study, {"ours": folder}, tmp_path / "out", show_step=unseen)
    prepared = prepare(study, {"ours": folder})
    pool = set(prepared.pretraining_ids("ours"))
    (directory,) = (tmp_path / "out" / "pretrain").glob("*/seed-0")
    assert read_card(directory).n_training_images == len(pool)
    unlabelled = prepared.labelled.manifest.filter(~pl.col("labelled") & pl.col("image_id").is_in(list(pool)))
    assert f"{len(pool)} of 80 images, {len(unlabelled)} of them unlabelled" in page.read_text(encoding="utf-8")


@pytest.fixture
def real(shared_data, tmp_path) -> Path:
    """Real images in a folder of one's own: labels of 200 patients, some rows of them blank; 150 images without a
    row."""
    source = shared_data / "chestxray14_sample"
    entries = pl.read_csv(source / "Data_Entry_2017_v2020.csv", infer_schema=False).rename({"Image Index": "image"})
    root = tmp_path / "real"
    root.mkdir()
    for name in entries["image"]:
        (root / name).write_bytes((source / "images" / name).read_bytes())
    patients = entries["Patient ID"].unique().sort()
    listed = entries.filter(pl.col("Patient ID").is_in(patients[:220].implode())).with_row_index("row")
    code = pl.when(pl.col("row") % 7 != 0).then(pl.col("Finding Labels").str.contains("Pneumonia").cast(pl.Int8))
    listed.select("image", pl.col("Patient ID").alias("patient_id"), code.alias("Mass")).write_csv(root / "labels.csv")
    return root


@pytest.mark.shared_data
def test_real_images_of_few_labels_and_re_encoded_copies(real, tmp_path):
    def study():
        text = STUDY.replace("OURS", ", issuer: a").replace("{resize: 32}", "{resize: 64}")
        text = text.replace("MORE", "second: {collection: folder, labels: second.csv, issuer: b}")
        return parse_study(text.replace("COPIES", "refuse").replace("POOL", ", second"), where="study.yaml")

    second = tmp_path / "second"
    second.mkdir()
    (second / "second.csv").write_text("image,patient_id\nx.png,z\n")
    cv2.imwrite(str(second / "x.png"), made_image(1))
    first = prepare(study(), {"ours": real, "second": second})
    # All images without a row got their patient from the file name, which is the patient id in every row.
    assert first.labelled.manifest["patient_known"].all()
    assert len(first.labelled.manifest) == 500
    assert len(first.pretraining_ids("ours")) > len(first.task.train.image_ids) + 150
    assert contamination_of(first, "own").certainty == "no"
    lines = ["image,patient_id", "x.png,z"]
    for number, image_id in enumerate(first.task.test_ids[:6]):
        image = cv2.imread(str(real / image_id), 0)
        name = f"copy{number}.{'jpg' if number % 2 else 'png'}"
        changed = cv2.resize(image, (400, 400), interpolation=cv2.INTER_AREA) if number % 3 == 0 else image
        cv2.imwrite(str(second / name), changed, [cv2.IMWRITE_JPEG_QUALITY, 80] if number % 2 else [])
        lines.append(f"{name},z{number}")
    (second / "second.csv").write_text("\n".join(lines) + "\n")
    prepared = prepare(study(), {"ours": real, "second": second})
    stores = {
        name: build_store(prepared.stored_images(name), data.dataset.root, prepared.recipe, tmp_path / f"store-{name}")
        for name, data in prepared.data.items()
    }
    found = held_copies(prepared, stores, prepared.pool_of(prepared.study.arms["own"].init))
    assert {copy.image_id: copy.of_image_id for copy in found} == {
        line.partition(",")[0]: image_id for line, image_id in zip(lines[2:], first.task.test_ids, strict=False)
    }
    assert {copy.kind for copy in found} == {"pixels", "near"}
