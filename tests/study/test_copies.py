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
from hilum.study.plan import contamination_of, plan_data, plan_study, refuse_contaminated, refuse_trained_copies
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
  scratch: {encoder: toh2023_densenet}
  ARM
pretrain: {epochs: 1, batch_size: 8}
finetune: {epochs: 1, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, reference: scratch, min_positive_patients: 1 EVALUATE}
"""
POOLED = "own: {encoder: toh2023_densenet, init: {pretrain: simclr, on: [ours, more]}}"


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
        name: build_store(first.stored_images(name), data.collected.root, first.recipe, folder / name)
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
    assert "12 images that equal others of these are counted once" in card.split
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
        with pytest.raises(
            HilumErrors, match=r"ours: a3\.png has the pixels of ours's a25\.png, which validates or tests"
        ):
            refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))
    else:
        with pytest.raises(
            HilumErrors, match=r"task: 1 training images of ours are copies .*a3\.png is ours's a25\.png"
        ):
            refuse_contaminated(prepared)
        marked = prepare_study(study_of(arm="", evaluate=", contaminated: mark"), roots)
        refuse_contaminated(marked)
        assert contamination_of(marked.first, "scratch").message.startswith("YES: copies of 1 of 10 test images")


def test_a_compressed_copy_of_a_test_image_is_refused_where_stores_have_detail_to_compare(ours, tmp_path):
    """Pixels differ then; the unlabelled pools were searched so before, training images with labels were not."""
    for number in range(30):
        noise = np.random.default_rng(number).integers(0, 256, (13, 13), dtype=np.uint8)
        cv2.imwrite(str(ours / f"a{number}.png"), cv2.resize(noise, (96, 96), interpolation=cv2.INTER_CUBIC))
    compressed = cv2.imencode(".jpg", cv2.imread(str(ours / "a25.png"), 0), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    cv2.imwrite(str(ours / "a3.png"), cv2.imdecode(compressed, 0))
    (tmp_path / "more").mkdir()
    cv2.imwrite(str(tmp_path / "more" / "m.png"), made(99))
    text = study_of(arm="").model_dump(mode="json", exclude_unset=True)
    text["preprocess"] = [{"square": "pad"}, {"resize": 64}]
    prepared = prepare_study(
        parse_study(yaml.safe_dump(text), where="study.yaml"), {"ours": ours, "more": tmp_path / "more"}
    )
    with pytest.raises(HilumErrors, match=r"ours: a3\.png shows the same as ours's a25\.png, which validates or tests"):
        refuse_trained_copies(prepared, stores_of(prepared, tmp_path / "stores"))


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
