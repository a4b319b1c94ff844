import shutil
import subprocess
import sys

import cv2
import numpy as np
import polars as pl
import pytest
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
)

from hilum.data.pixels import read_gray
from hilum.errors import HilumError
from hilum.finetuning.scores import SCORES, read_scores
from hilum.phantom.dicom_writing import Encoding, write_dicom
from hilum.prediction import load_package
from hilum.prediction.inputs import find_inputs
from hilum.prediction.predict import PredictConfig, accepted_reasons, predict_images
from hilum.prediction.reasons import Reason

FINDINGS = ["Infiltration", "Pleural Effusion", "Atelectasis"]
P = [f"p_{finding}" for finding in FINDINGS]


@pytest.fixture(scope="session")
def model(model_directory):
    return load_package(model_directory / "seed-0", device="cpu", self_test=False)


@pytest.fixture
def score(model, tmp_path):
    def run(*message, config=None, out=None):
        out = out or tmp_path / "p.parquet"
        scored = predict_images(
            model, find_inputs([str(each) for each in message]), out, config or PredictConfig(workers=2)
        )
        return scored, pl.read_parquet(out)

    return run


def header(view="PA", age="050Y", patient="77", **further):
    return {"Modality": "CR", "PatientID": patient, "ViewPosition": view, "PatientAge": age} | further


def as_dicom(path, pixels, encoding, **further):
    kind = further.pop("kind", ComputedRadiographyImageStorage)
    write_dicom(path, pixels, encoding, kind=kind, name=path.name, header=header(**further))


ENCODINGS = [
    Encoding(syntax, bits, inverted=inverted)
    for syntax in (ExplicitVRLittleEndian, JPEGLosslessSV1, JPEG2000Lossless)
    for bits in (8, 12, 16)
    for inverted in (False, True)
]


def at_depth(gray, bits):
    """8-bit pixels as a detector of more bits would give them."""
    return np.rint(gray.astype(np.float64) * (2**bits - 1) / 255).astype(np.uint8 if bits == 8 else np.uint16)


def test_scores_are_the_studys_own_to_the_bit_from_png_and_from_dicom(score, arm, tmp_path):
    wanted = read_scores(arm.seeds[0].directory / SCORES, arm.store, arm.scored_ids)
    every = PredictConfig(
        accepted=frozenset(reason for reason in Reason if reason.can_be_accepted)
    )  # ages beyond the training's
    _, table = score(f"chestxray14={arm.root}", config=every)
    found = table.filter(pl.col("image_id").is_in(arm.scored_ids)).select("image_id", *P)
    assert found.equals(wanted.select(found.columns))
    png, dicom = tmp_path / "png", tmp_path / "dicom"
    png.mkdir()
    dicom.mkdir()
    paths = dict(arm.manifest.select("image_id", "path").iter_rows())
    ids = arm.scored_ids[: len(ENCODINGS)]
    for number, (image_id, encoding) in enumerate(zip(ids, ENCODINGS, strict=True)):
        stored = at_depth(read_gray(arm.root / paths[image_id]), encoding.bits)
        cv2.imwrite(str(png / f"{number:02d}.png"), stored)
        as_dicom(dicom / f"{number:02d}.dcm", stored, encoding)
    (_, from_png), (_, from_dicom) = score(png), score(dicom)
    assert from_dicom["reason"].null_count() == len(ENCODINGS)
    assert from_dicom.select(P).equals(from_png.select(P))
    eight = [number for number, encoding in enumerate(ENCODINGS) if encoding.bits == 8]
    assert from_dicom[eight].select(P).equals(wanted[eight].select(P))


def test_every_image_has_a_row_in_order_with_a_reason_where_it_is_not_scored(score, arm, tmp_path):
    gray = read_gray(next(arm.root.rglob("*.png")))
    plain = Encoding(ExplicitVRLittleEndian, 8)
    folder = tmp_path / "mixed"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "0_broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    cv2.imwrite(str(folder / "1_good.png"), gray)
    as_dicom(folder / "2_lateral.dcm", gray, plain, view="LL")
    as_dicom(folder / "3_oblique.dcm", gray, plain, view="RAO")
    as_dicom(folder / "4_newborn.dcm", gray, plain, age="003D")
    as_dicom(folder / "5_burned.dcm", gray, plain, BurnedInAnnotation="YES")
    cv2.imwrite(str(folder / "6_inverted.png"), 255 - gray)
    cv2.imwrite(str(folder / "7_empty.png"), np.full_like(gray, 90))
    cv2.imwrite(str(folder / "8_strip.png"), gray[:, :20])
    cv2.imwrite(str(folder / "9_upside_down.png"), gray[::-1])
    as_dicom(folder / "deep" / "ct.dcm", gray, plain, kind=CTImageStorage, Modality="CT")
    as_dicom(folder / "deep" / "deeper" / "good", gray, plain)
    (folder / "notes.txt").write_text("no image")
    (folder / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + bytes(20))
    scored, table = score(folder)
    found = dict(table.select("image_id", "reason").iter_rows())
    assert list(found) == sorted(found, key=lambda each: (each.count("/"), each))
    assert found == {
        "0_broken.png": "unreadable",
        "1_good.png": None,
        "2_lateral.dcm": "lateral",
        "3_oblique.dcm": "view_outside_training",
        "4_newborn.dcm": "age_outside_training",
        "5_burned.dcm": "burned_in_text",
        "6_inverted.png": "inverted",
        "7_empty.png": "empty",
        "8_strip.png": "not_a_chest_radiograph",
        "9_upside_down.png": "not_a_chest_radiograph",
        "deep/ct.dcm": "unreadable",
        "deep/deeper/good": None,
    }
    refused = table.filter(pl.col("reason").is_not_null())
    assert refused.select(P).null_count().row(0) == (10, 10, 10)
    assert scored.refused[Reason.UNREADABLE] == 2
    assert scored.scored == 2
    good = table.filter(pl.col("image_id") == "deep/deeper/good")
    assert good["patient_id"].to_list() == ["77"]


def test_calls_are_probabilities_at_or_above_the_threshold(score, arm, model):
    _, table = score(f"chestxray14={arm.root}")
    for finding in FINDINGS:
        rows = table.filter(pl.col("reason").is_null())
        threshold = model.thresholds[finding]
        assert (rows[f"threshold_{finding}"] == threshold).all()
        calls = (rows[f"p_{finding}"].cast(pl.Float64) >= threshold).cast(pl.Int8)
        assert rows[f"call_{finding}"].to_list() == calls.to_list()


def test_patients_of_the_ledger_are_marked(score, arm, tmp_path):
    _, table = score(f"chestxray14={arm.root}")
    learnt_from = set(arm.manifest.filter(pl.col("image_id").is_in(arm.train_ids))["patient_id"])
    judged = set(arm.seeds[0].test.patients)
    for row in table.filter(pl.col("reason").is_null()).iter_rows(named=True):
        if row["patient_id"] in learnt_from:
            assert (row["in_training"], row["split"]) == (True, "train")
        elif row["patient_id"] in judged:
            assert (row["in_training"], row["split"]) == (False, "external")
    gray = read_gray(next(arm.root.rglob("*.png")))
    seen = next(iter(learnt_from))
    as_dicom(tmp_path / "seen.dcm", gray, Encoding(ExplicitVRLittleEndian, 8), patient=seen)
    as_dicom(tmp_path / "other.dcm", gray, Encoding(ExplicitVRLittleEndian, 8), patient="99999")
    cv2.imwrite(str(tmp_path / "nobody.png"), gray)
    _, table = score(tmp_path / "seen.dcm", tmp_path / "other.dcm", tmp_path / "nobody.png")
    assert table["in_training"].to_list() == [True, False, None]  # not known is never no


def test_reasons_can_be_accepted(score, arm, tmp_path):
    gray = read_gray(next(arm.root.rglob("*.png")))
    as_dicom(tmp_path / "old.dcm", gray, Encoding(ExplicitVRLittleEndian, 8), age="002Y", view="RAO")
    assert score(tmp_path / "old.dcm")[1]["reason"].to_list() == ["view_outside_training"]
    one = PredictConfig(accepted=accepted_reasons(["view_outside_training"]))
    assert score(tmp_path / "old.dcm", config=one)[1]["reason"].to_list() == ["age_outside_training"]
    both = PredictConfig(accepted=accepted_reasons(["view_outside_training", "age_outside_training"]))
    assert score(tmp_path / "old.dcm", config=both)[1]["reason"].to_list() == [None]
    with pytest.raises(HilumError, match="--accept"):
        accepted_reasons(["unreadable"])


def test_an_interrupted_run_goes_on_and_ends_with_the_same_table(model, arm, tmp_path):
    images = find_inputs([str(arm.root / "images")])
    whole, killed = tmp_path / "whole.parquet", tmp_path / "killed.parquet"
    predict_images(model, images, whole, PredictConfig(workers=2))
    assert not list(tmp_path.glob(".*partial*"))

    class Killed(Exception):
        pass

    def kill(done, total, note):
        if done > 40:
            raise Killed

    with pytest.raises(Killed):
        predict_images(model, images, killed, PredictConfig(workers=2), kill)
    assert not killed.exists()
    first = []
    predict_images(model, images, killed, PredictConfig(workers=1), lambda done, *_: first.append(done))
    assert first[0] > 40  # what was done is not done again
    assert killed.read_bytes() == whole.read_bytes()


def test_heat_maps_are_of_the_findings_that_are_called(score, arm, tmp_path):
    _, table = score(arm.root / "images", config=PredictConfig(maps=tmp_path / "maps"))
    wanted = {
        f"{row['image_id']}/{finding}.png"
        for row in table.iter_rows(named=True)
        for finding in FINDINGS
        if row[f"call_{finding}"] == 1
    }
    found = {
        path.relative_to(tmp_path / "maps").as_posix() for path in (tmp_path / "maps").rglob("*.png") if path.is_file()
    }
    assert found == wanted
    assert cv2.imread(str(tmp_path / "maps" / next(iter(found)))).shape == (32, 32, 3)


def test_links_that_lead_out_of_a_folder_are_not_followed(score, arm, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    source = next(arm.root.rglob("*.png"))
    shutil.copy(source, folder / "a.png")
    (folder / "b.png").symlink_to(source)
    assert score(folder)[1]["reason"].to_list() == [None, "unreadable"]


@pytest.mark.parametrize("message", [["nowhere"], ["a.png", "a.png"]])
def test_inputs_that_are_none_or_come_twice_are_refused_before_anything_is_scored(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", np.zeros((10, 10), np.uint8))
    with pytest.raises(HilumError):
        find_inputs(message)


def test_real_radiographs_have_the_studys_own_scores_to_the_bit(sample_arm, sample_model_directory, tmp_path):
    model = load_package(sample_model_directory / "seed-0", device="cpu", self_test=False)
    wanted = read_scores(sample_arm.seeds[0].directory / SCORES, sample_arm.store, sample_arm.scored_ids)
    paths = dict(sample_arm.manifest.select("image_id", "path").iter_rows())

    def score(name):
        config = PredictConfig(workers=2, accepted=frozenset(each for each in Reason if each.can_be_accepted))
        predict_images(model, find_inputs([str(tmp_path / name)]), tmp_path / f"{name}.parquet", config)
        table = pl.read_parquet(tmp_path / f"{name}.parquet")
        assert table["reason"].null_count() == len(table)
        return table.select(P)

    for name in ("as_they_are", "png", "dicom"):
        (tmp_path / name).mkdir()
    ids = sample_arm.scored_ids
    for number, image_id in enumerate(ids):
        source = sample_arm.root / paths[image_id]
        shutil.copy(source, tmp_path / "as_they_are" / f"{number:02d}.png")
        encoding = ENCODINGS[number % len(ENCODINGS)]
        stored = at_depth(read_gray(source), encoding.bits)
        cv2.imwrite(str(tmp_path / "png" / f"{number:02d}.png"), stored)
        as_dicom(tmp_path / "dicom" / f"{number:02d}.dcm", stored, encoding)
    assert len(ids) >= len(ENCODINGS)
    assert score("as_they_are").equals(wanted.select(P))
    from_dicom = score("dicom")
    assert from_dicom.equals(score("png"))
    eight = [number for number in range(len(ids)) if ENCODINGS[number % len(ENCODINGS)].bits == 8]
    assert from_dicom[eight].equals(wanted[eight].select(P))


MEMORY = """
import resource, sys
from pathlib import Path
from hilum.prediction import load_package
from hilum.prediction.inputs import InputImage
from hilum.prediction.predict import PredictConfig, predict_images
model, image, out = map(Path, sys.argv[1:4])
loaded = load_package(model, device="cpu", self_test=False)
for count in (200, 2000):
    images = [InputImage(f"{number}.png", image) for number in range(count)]
    predict_images(loaded, images, out, PredictConfig(workers=2))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(model_directory, arm, tmp_path):
    image = next(arm.root.rglob("*.png"))
    message = [model_directory / "seed-0", image, tmp_path / "p.parquet"]
    done = subprocess.run([sys.executable, "-c", MEMORY, *message], capture_output=True, text=True, check=True)
    few, many = map(int, done.stdout.split())
    assert many < few + 60  # MiB: rows of numbers, and no pixels
