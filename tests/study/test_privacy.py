"""Which patients weights were trained on is reported, and compared, without an id of a patient lying beside them."""

import csv
import json

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.data.patients import GENERATED_MARK, salt_of
from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.phantom import write_chestxray14
from hilum.study.execution import run_study
from hilum.study.file import parse_study
from hilum.study.plan import contamination_of, plan_data, plan_study, refuse_contaminated
from hilum.study.plan.prepare import prepare

SALT = "a salt that nobody can guess"
STUDY = """\
question: Does anything name a patient?
data:
  ours: {collection: folder, labels: labels.csv}
preprocess: [{square: pad}, {resize: 32}]
task:
  findings: [Cardiomegaly]
  split: {patients: [0.6, 0.2, 0.2], seed: 0}
arms:
  scratch: {encoder: toh2023_xvt}
  simclr: {encoder: toh2023_xvt, init: {pretrain: simclr, on: ours}}
pretrain: {epochs: 1, batch_size: 16}
finetune: {epochs: 1, patience: null}
seeds: [0]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""
INGESTED = STUDY.replace(", labels: labels.csv", "")


def command(*words, **variables):
    answer = CliRunner(env=variables).invoke(hilum.cli.make_app(), [str(word) for word in words])
    assert answer.exit_code == 0, f"{answer.output}{answer.exception}"
    return answer.output


def everything_in(*folders):
    """Names and bytes of all files, and all values of all tables, for a table may be compressed."""
    for folder in folders:
        for path in folder.rglob("*"):
            yield path, str(path.relative_to(folder)).encode()
            if path.is_file():
                yield path, path.read_bytes()
                if path.suffix == ".parquet":
                    table = pl.read_parquet(path)
                    yield path, json.dumps(table.to_dicts() + table.columns, default=str).encode()


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """A hospital's folder: 40 patients whose ids stand in the table and in the names of their images."""
    root = tmp_path_factory.mktemp("hospital") / "images"
    patients = [f"PID{n:05d}X" for n in range(40)]
    draw = np.random.default_rng(0)
    root.mkdir()
    with (root / "labels.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["path", "patient_id", "Cardiomegaly"])
        for number, patient in enumerate(patients):
            for view in range(2):
                name = f"{patient}_{view}.png"
                cv2.imwrite(str(root / name), draw.integers(0, 256, (40, 40), dtype=np.uint8))
                rows.writerow([name, patient, number % 2])
    return root, patients


@pytest.fixture(scope="module")
def ingested(hospital, tmp_path_factory):
    """The same folder, as ingested under a salt that lies in a file."""
    folder = tmp_path_factory.mktemp("ingested")
    (folder / "salt.txt").write_text(SALT)
    command(
        "ingest",
        "folder",
        hospital[0],
        "--labels",
        "labels.csv",
        "--hash-patients",
        folder / "salt.txt",
        "--out",
        folder / "ours",
    )
    return folder / "ours"


@pytest.fixture(scope="module")
def pretrained(hospital, tmp_path_factory):
    """An encoder that has learnt from all of the raw folder, elsewhere, under the same salt."""
    out = tmp_path_factory.mktemp("elsewhere")
    command(
        "pretrain", "simclr", "--data", f"ours={hospital[0]}", "--labels", "labels.csv", "--encoder", "toh2023_xvt", "--preprocess", "[{resize: 32}]",
        "--epochs", 1, "--batch-size", 16, "--device", "cpu", "--include-test", "--stores", out / "stores", "--out", out / "encoder",
        HILUM_PATIENT_SALT=SALT,
    )  # fmt: skip
    return out / "encoder"


def started_from(weights, text=STUDY):
    return parse_study(
        text.replace("scratch: {encoder: toh2023_xvt}", f"scratch: {{encoder: toh2023_xvt, init: {weights}}}"),
        where="x",
    )


def test_nothing_that_is_shared_names_a_patient(hospital, pretrained, unseen, tmp_path):
    root, patients = hospital
    out = tmp_path / "out"
    run_study(parse_study(STUDY, where="x"), {"ours": root}, out, show_step=unseen)
    folders = [*out.glob("arms/*"), *out.glob("pretrain/*"), pretrained]
    assert len(folders) == 4
    looked = 0
    for path, content in everything_in(*folders):
        looked += 1
        for patient in patients:
            assert patient.encode() not in content, path
    assert looked > 20
    card = read_card(out / "arms/simclr/seed-0")
    assert card.ledger.patients_of == {"ours": 32}  # of 40, those who do not test
    scored = pl.read_parquet(out / "evaluation/predictions/simclr/seed-0.parquet")
    assert set(scored["patient_id"]) < set(patients)  # the directory of a study is not shared as a whole
    assert set(scored["image_id"]) < {path.name for path in root.glob("*.png")}


def test_a_study_that_hashes_names_nobody_anywhere(hospital, unseen, tmp_path):
    root, patients = hospital
    out = tmp_path / "out"
    text = STUDY.replace("labels: labels.csv", "labels: labels.csv, hash_patients: true")
    study = parse_study(
        text.replace(
            "  simclr: {encoder: toh2023_xvt, init: {pretrain: simclr, on: ours}}\n",
            "  other: {encoder: toh2023_xvt}\n",
        ),
        where="x",
    )
    run_study(study, {"ours": root}, out, show_step=unseen)
    for path, content in everything_in(out):
        for patient in patients:
            assert patient.encode() not in content, path
    scored = pl.read_parquet(out / "evaluation/predictions/scratch/seed-0.parquet")
    assert all(salt_of(patient) for patient in scored["patient_id"])
    assert all(step["done"] for step in plan_data(plan_study(study, {"ours": root}, out))["steps"])


def test_weights_pretrained_on_the_raw_folder_were_trained_on_the_patients_of_the_ingested_one(
    ingested, pretrained, unseen, tmp_path
):
    clean = prepare(parse_study(INGESTED, where="x"), {"ours": ingested})
    assert contamination_of(clean, "scratch").certainty == "no"
    assert clean.labelled.issuer == "ours"
    dirty = prepare(started_from(pretrained, INGESTED), {"ours": ingested})
    message = contamination_of(dirty, "scratch")
    assert (message.certainty, message.patients, message.of_patients) == ("yes", 8, 8)
    with pytest.raises(
        HilumErrors, match=r"arms\.scratch: was it trained on test patients\? YES: 16 of 16 test images, 8 of 8"
    ):
        refuse_contaminated(dirty)
    run_study(parse_study(INGESTED, where="x"), {"ours": ingested}, tmp_path / "out", show_step=unseen)
    scored = pl.read_parquet(tmp_path / "out/evaluation/predictions/scratch/seed-0.parquet")
    assert len(scored) == 16 + 16


def test_without_the_salt_it_is_not_known_and_never_no(hospital, ingested, pretrained, monkeypatch):
    raw = prepare(started_from(pretrained), {"ours": hospital[0]})
    message = contamination_of(raw, "scratch")
    assert (message.certainty, message.patients) == ("may", 8)
    assert message.message.startswith("NOT KNOWN: the ledger has pseudonyms under salt ")
    with pytest.raises(HilumErrors, match="NOT KNOWN"):
        refuse_contaminated(raw)
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT)
    assert contamination_of(raw, "scratch").certainty == "yes"
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT + ", another one")
    assert contamination_of(raw, "scratch").certainty == "may"


def test_weights_that_learnt_from_images_without_patient_ids_may_were_trained_on_anybody(hospital, tmp_path):
    words = [
        "pretrain", "simclr", "--data", f"ours={hospital[0]}", "--encoder", "toh2023_xvt", "--preprocess", "[{resize: 32}]",
        "--epochs", 1, "--batch-size", 16, "--device", "cpu", "--stores", tmp_path / "stores", "--out", tmp_path / "encoder",
    ]  # fmt: skip
    command(*words)
    message = contamination_of(prepare(started_from(tmp_path / "encoder"), {"ours": hospital[0]}), "scratch")
    assert message.certainty == "may"
    assert message.message.endswith("images without patient ids")
    for path, content in everything_in(tmp_path / "encoder"):
        assert not [patient for patient in hospital[1] if patient.encode() in content], path


def test_other_commands_meet_the_patients_through_their_pseudonyms_too(hospital, ingested, pretrained, tmp_path):
    def probe(data, *more, **variables):
        words = "probe", pretrained, "--data", f"ours={data}", "--split", "patients", "--n-bootstrap", 100, *more
        return CliRunner(env=variables).invoke(
            hilum.cli.make_app(),
            [
                str(word)
                for word in (*words, "--device", "cpu", "--stores", tmp_path / "stores", "--out", tmp_path / "out")
            ],
        )

    assert "16 test images of patients that the encoder has learnt from were left out" in str(probe(ingested).exception)
    labels = "--labels", "labels.csv"
    message = str(probe(hospital[0], *labels, HILUM_PATIENT_SALT=SALT).exception)
    assert "16 test images of patients that the encoder has learnt from were left out" in message
    message = str(probe(hospital[0], *labels).exception)
    assert "expected patients that can be compared" in message
    assert "--include-training-patients goes on without knowing" in message


def test_options_about_native_files_are_refused_for_ingested_ones(hospital, ingested, tmp_path):
    with pytest.raises(
        HilumError, match=r"data\.ours\.labels: expected nothing for ingested images; found labels\.csv"
    ):
        prepare(parse_study(STUDY, where="x"), {"ours": ingested})
    other = INGESTED.replace("collection: folder", "collection: uka_cxr")
    with pytest.raises(HilumError, match=r"data\.ours\.collection: expected folder; found uka_cxr"):
        prepare(parse_study(other, where="x"), {"ours": ingested})


def test_an_issuer_is_reported_or_kept(ingested, tmp_path):
    message = parse_study(INGESTED.replace("collection: folder", "collection: folder, issuer: city"), where="x")
    assert prepare(message, {"ours": ingested}).labelled.issuer == "city"
    write_chestxray14(tmp_path / "generated", images=20, size=32, seed=3)
    command("ingest", "chestxray14", tmp_path / "generated", "--out", tmp_path / "ingested")
    assert json.loads((tmp_path / "ingested/ingest.json").read_text())["issuer"] == "phantom-s3"
    assert (tmp_path / "generated" / GENERATED_MARK).is_file()
    study = INGESTED.replace("collection: folder", "collection: chestxray14, issuer: city")
    with pytest.raises(
        HilumError, match="issuer of ours: expected phantom-s3, as these images were ingested; found city"
    ):
        prepare(parse_study(study, where="x"), {"ours": tmp_path / "ingested"})


def test_one_issuer_with_ids_here_and_pseudonyms_there_is_refused(hospital, ingested):
    text = STUDY.replace("preprocess:", "  more: {collection: folder, issuer: ours}\npreprocess:")
    text = text.replace("on: ours", "on: more").replace("task:", "task:\n  on: ours")
    with pytest.raises(
        HilumError, match=r"--data more: expected patients of ours named as in ours \(ids\); found pseudonyms"
    ):
        prepare(parse_study(text, where="x"), {"ours": hospital[0], "more": ingested})


def test_images_that_have_gone_since_they_were_ingested_are_missed_before_the_first_step(ingested, tmp_path):
    folder = tmp_path / "ours"
    folder.mkdir()
    for path in ingested.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    about = json.loads((folder / "ingest.json").read_text())
    (folder / "ingest.json").write_text(json.dumps({**about, "root": str(tmp_path / "gone")}))
    with pytest.raises(HilumError, match=r"gone: expected the images of .*; found no such folder"):
        prepare(parse_study(INGESTED, where="x"), {"ours": folder})
