"""The same image reached twice by a pool, and training images that equal images that validate or test."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from hilum.data.store import build_store
from hilum.encoders.card import read_card
from hilum.errors import HilumErrors
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import (
    contamination_of,
    doubts_of,
    plan_data,
    plan_study,
    refuse_contaminated,
    refuse_trained_copies,
)
from hilum.study.plan.leakage import copies_trained
from hilum.study.plan.prepare import prepare_study

STUDY = """\
question: Do unlabelled images help?
data:
  ours: {collection: folder, labels: labels.csv, issuer: clinic}
  more: {collection: folder MORE}
preprocess: [{square: pad}, {resize: 32}]
task:
  on: ours
  findings: [Mass]
  split: {column: split, test: [test], validation: [val]}
  TASK
arms:
  scratch: {encoder: small_convnet}
  ARM
pretrain: {epochs: 1, batch_size: 8}
finetune: {epochs: 1, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 1 EVALUATE}
"""
POOLED = "own: {encoder: small_convnet, init: {pretrain: simclr, on: [ours, more]}}"


def made(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 256, (7, 7), dtype=np.uint8)
    return cv2.resize(noise, (24, 24), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def ours(tmp_path) -> Path:
    """Thirty patients of one image: twelve train, eight validate, ten test."""
    root = tmp_path / "ours"
    root.mkdir()
    lines = ["image,patient_id,split,Mass"]
    for number in range(30):
        cv2.imwrite(str(root / f"a{number}.png"), made(number))
        part = "train" if number < 12 else "val" if number < 20 else "test"
        lines.append(f"a{number}.png,p{number},{part},{number % 2}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def study_of(*, more="", task="", arm=POOLED, evaluate=""):
    text = STUDY.replace("MORE", more).replace("TASK", task).replace("ARM", arm).replace("EVALUATE", evaluate)
    return parse_study(text, where="study.yaml")


def copy_into(source: Path, target: Path, *, recoded: bool):
    if recoded:
        cv2.imwrite(str(target), cv2.imread(str(source), 0), [cv2.IMWRITE_PNG_COMPRESSION, 0])
    else:
        target.write_bytes(source.read_bytes())


def stores_of(prepared, folder):
    first = prepared.first
    stores = {
        name: build_store(first.stored_images(name), data.dataset.root, first.recipe, folder / name)
        for name, data in first.data.items()
    }
    return stores.__getitem__


@pytest.mark.parametrize("recoded", [False, True])
def test_an_image_of_two_folders_counts_once_and_both_its_patients_are_seen(ours, tmp_path, unseen, recoded):
    more = tmp_path / "more"
    more.mkdir()
    for number in range(12):
        copy_into(ours / f"a{number}.png", more / f"b{number}.png", recoded=recoded)
    for number in range(40, 46):
        cv2.imwrite(str(more / f"b{number}.png"), made(number))
    study = study_of(more=", issuer: elsewhere, unknown_patients: own_patients")
    roots = {"ours": ours, "more": more}
    plan = plan_study(study, roots)
    (row,) = plan_data(plan)["pretraining"]
    assert row["counted_once"] == ({} if recoded else {"more": 12})
    pool = plan.prepared.pool_of(study.arms["own"].init)
    assert {name: len(images) for name, images in pool.items()} == {"ours": 12, "more": 18 if recoded else 6}
    run_study(study, roots, tmp_path / "out", show_step=unseen)
    (directory,) = (tmp_path / "out" / "pretrain").glob("simclr-*/seed-0")
    card = read_card(directory)
    assert card.n_training_images == 18
    assert "12 duplicate images are removed" in card.split
    issuers = card.ledger.patients_of
    assert set(issuers) >= {"clinic"}
    assert sum(issuers.values()) == 30  # twelve of ours, and under both names those of the other folder


def test_a_folder_under_two_names_is_one_folder(ours, tmp_path):
    study = study_of(more=", labels: labels.csv, issuer: clinic", evaluate="")
    plan = plan_study(study, {"ours": ours, "more": ours})
    assert plan_data(plan)["refused"] == []
    pool = plan.prepared.pool_of(study.arms["own"].init)
    assert {name: len(images) for name, images in pool.items()} == {"ours": 12, "more": 0}


@pytest.mark.parametrize("recoded", [False, True])
def test_a_training_image_that_is_a_test_image_is_refused_without_any_pretraining(ours, tmp_path, recoded):
    copy_into(ours / "a25.png", ours / "a3.png", recoded=recoded)
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "m.png"), made(99))
    roots = {"ours": ours, "more": tmp_path / "more"}
    prepared = prepare_study(study_of(arm=""), roots)
    if recoded:
        refuse_contaminated(prepared)
        with pytest.raises(HilumErrors, match=r"ours: a3\.png has the pixels of ours's a25\.png, a held-out image"):
            refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))
    else:
        with pytest.raises(
            HilumErrors, match=r"task: 1 training images of ours are copies .*a3\.png is ours's a25\.png"
        ):
            refuse_contaminated(prepared)
        marked = prepare_study(study_of(arm="", evaluate=", contaminated: mark"), roots)
        refuse_contaminated(marked)
        assert contamination_of(marked.first, "scratch").message.startswith("YES: copies of 1 of 10 test images")


def with_detail(ours: Path) -> None:
    """Images of more detail, of which a training image is a test image, compressed."""
    for number in range(30):
        noise = np.random.default_rng(number).integers(0, 256, (13, 13), dtype=np.uint8)
        cv2.imwrite(str(ours / f"a{number}.png"), cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC))
    compressed = cv2.imencode(".jpg", cv2.imread(str(ours / "a25.png"), 0), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    cv2.imwrite(str(ours / "a3.png"), cv2.imdecode(compressed, 0))


def prepared_at(size: int, ours: Path, **settings):
    text = study_of(arm="", **settings).model_dump(mode="json", exclude_unset=True)
    text["preprocess"] = [{"square": "pad"}, {"resize": size}]
    text["finetune"] = {"size": max(size, 32)}  # the encoder takes from 32 px
    del text["data"]["more"]
    return prepare_study(parse_study(yaml.safe_dump(text), where="study.yaml"), {"ours": ours})


@pytest.mark.parametrize("size", [32, 64])
def test_a_compressed_copy_of_a_test_image_is_refused(ours, tmp_path, size):
    """Pixels differ then; the unlabelled pools were searched so before, training images with labels were not."""
    with_detail(ours)
    prepared = prepared_at(size, ours)
    assert contamination_of(prepared.first, "scratch").certainty == "no"
    with pytest.raises(HilumErrors, match=r"ours: a3\.png shows the same as ours's a25\.png, a held-out image"):
        refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))


def test_where_images_are_too_small_to_know_copies_again_nothing_is_called_clean(ours, tmp_path):
    with_detail(ours)
    prepared = prepared_at(24, ours)
    refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))  # nothing is found
    found = contamination_of(prepared.first, "scratch")
    assert found.certainty == "unknown"
    assert [doubt.code for doubt in doubts_of(prepared.first, "scratch")] == ["copies_not_searched"]
    assert "images of 24 px have too little detail" in found.message
    row = plan_data(plan_study(prepared.study, {"ours": ours}))["arms"][0]
    assert row["trained_on_test_patients"].startswith(
        "not known: compressed, resized or brightened copies of ours are not searched"
    )


def test_a_marked_study_knows_training_images_that_are_recoded_or_compressed_test_images(ours, tmp_path):
    with_detail(ours)
    copy_into(ours / "a26.png", ours / "a4.png", recoded=True)
    prepared = prepared_at(64, ours, evaluate=", contaminated: mark").first
    stores = {"ours": build_store(prepared.stored_images("ours"), ours, prepared.recipe, tmp_path / "store")}
    assert contamination_of(prepared, "scratch").certainty == "no"  # before there is a store
    trained = copies_trained(prepared, stores)
    assert {(copy.image_id, copy.of_image_id, copy.kind) for copy in trained} == {
        ("a3.png", "a25.png", "near"), ("a4.png", "a26.png", "pixels"),
    }  # fmt: skip
    found = contamination_of(prepared, "scratch", stores, trained)
    assert found.message.startswith("YES: copies of 2 of 10 test images")


TWO_TASKS = """\
question: Does one task help another?
data:
  ours: {collection: folder, labels: labels.csv, issuer: clinic}
preprocess: [{square: pad}, {resize: 32}]
tasks:
  one: {on: ours, findings: [Mass], split: {column: one, test: [test], validation: [val]}}
  two: {on: ours, findings: [Mass], split: {column: two, test: [test], validation: [val]}}
starts:
  labels: {encoder: small_convnet, supervise: one}
arms:
  scratch: {encoder: small_convnet}
  labels: {start: labels, tasks: [two]}
compare: [[labels, scratch]]
evaluate: {n_bootstrap: 100, min_positive_patients: 1}
"""


@pytest.fixture
def twice(ours) -> Path:
    """Half of the images in each of two tasks, so that no task compares its own with those of the other."""
    lines = ["image,patient_id,one,two,Mass"]
    for number in range(30):
        part = ("train", "train", "val", "test", "test")[number // 2 % 5]
        columns = f"{part}," if number < 15 else f",{part}"
        lines.append(f"a{number}.png,p{number},{columns},{number % 2}")
    (ours / "labels.csv").write_text("\n".join(lines) + "\n")
    return ours


@pytest.mark.parametrize("recoded", [False, True])
@pytest.mark.parametrize(("learnt", "part"), [("a1.png", "train"), ("a4.png", "val")])
def test_a_start_of_one_tasks_labels_may_not_show_a_test_image_of_another(twice, tmp_path, recoded, learnt, part):
    study = parse_study(TWO_TASKS, where="tasks.yaml")
    clean = prepare_study(study, {"ours": twice})
    refuse_contaminated(clean)
    refuse_trained_copies(clean, stores_of(clean, tmp_path / "clean"))
    (start,) = clean.first.all_tasks.supervised.values()
    assert learnt in getattr(start.task, part).image_ids
    tested = clean.views["tasks/two"].task.test_ids[0]
    copy_into(twice / tested, twice / learnt, recoded=recoded)
    prepared = prepare_study(study, {"ours": twice})
    if recoded:
        refuse_contaminated(prepared)
        with pytest.raises(HilumErrors, match=rf"ours: {learnt} has the pixels of ours's {tested}"):
            refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))
    else:
        with pytest.raises(HilumErrors, match=rf"arms\.labels: .*{learnt} is ours's {tested}"):
            refuse_contaminated(prepared)
        assert contamination_of(prepared.views["tasks/two"], "labels").certainty == "yes"
        assert contamination_of(prepared.views["tasks/two"], "scratch").certainty == "no"


@pytest.mark.parametrize("recoded", [False, True])
def test_an_external_test_set_that_holds_training_images_is_refused(ours, tmp_path, recoded):
    more = tmp_path / "more"
    more.mkdir()
    lines = ["image,patient_id,Mass"]
    for number in (2, 60, 61, 62):
        if number < 30:
            copy_into(ours / f"a{number}.png", more / f"b{number}.png", recoded=recoded)
        else:
            cv2.imwrite(str(more / f"b{number}.png"), made(number))
        lines.append(f"b{number}.png,q{number},{number % 2}")
    (more / "labels.csv").write_text("\n".join(lines) + "\n")
    study = study_of(more=", labels: labels.csv, issuer: elsewhere", task="test_on: {more: all}", arm="")
    prepared = prepare_study(study, {"ours": ours, "more": more})
    if recoded:
        with pytest.raises(HilumErrors, match=r"ours: a2\.png has the pixels of more's b2\.png"):
            refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))
    else:
        with pytest.raises(HilumErrors, match=r"1 training images of ours are copies .*a2\.png is more's b2\.png"):
            refuse_contaminated(prepared)


def test_nothing_is_refused_where_all_images_differ(ours, tmp_path):
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "m.png"), made(99))
    prepared = prepare_study(study_of(arm=""), {"ours": ours, "more": tmp_path / "more"})
    refuse_contaminated(prepared)
    refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))
    assert contamination_of(prepared.first, "scratch").certainty == "no"
