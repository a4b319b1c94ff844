"""Which patients weights were trained on is reported, and compared, without an id of a patient lying beside them."""

import csv
import json
import re
import shutil
import zipfile

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.data.patients import GENERATED_MARK, salt_of
from hilum.encoders.card import read_card
from hilum.errors import HilumError, HilumErrors
from hilum.phantom import write_layout
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
  scratch: {encoder: small_convnet}
  simclr: {encoder: small_convnet, init: {pretrain: simclr, on: ours}}
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
                if zipfile.is_zipfile(path):  # torch's files
                    with zipfile.ZipFile(path) as archive:
                        yield from ((path, archive.read(name)) for name in archive.namelist())


def names(patients: list[str], content: bytes) -> list[str]:
    """Patients whose ids are in a text, in any spelling."""
    text = content.lower()
    assert all(patient.startswith("PID0") for patient in patients)
    if b"pid0" not in text:  # one look through a file of weights instead of forty
        return []
    return [patient for patient in patients if patient.lower().encode() in text]


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
        "pretrain", "simclr", "--data", f"ours={hospital[0]}", "--labels", "labels.csv", "--encoder", "small_convnet", "--preprocess", "[{resize: 32}]",
        "--epochs", 1, "--batch-size", 16, "--device", "cpu", "--include-test", "--stores", out / "stores", "--out", out / "encoder",
        HILUM_PATIENT_SALT=SALT,
    )  # fmt: skip
    return out / "encoder"


def started_from(weights, text=STUDY):
    return parse_study(
        text.replace("scratch: {encoder: small_convnet}", f"scratch: {{encoder: small_convnet, init: {weights}}}"),
        where="x",
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's and SQLAlchemy's own
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*:sqlalchemy.exc.SADeprecationWarning")
def test_nothing_that_is_shared_names_a_patient(hospital, pretrained, unseen, tmp_path):
    root, patients = tmp_path / "ours", hospital[1]
    shutil.copytree(hospital[0], root)
    out = tmp_path / "out"
    with (root / "labels.csv").open("a") as table:  # one patient in two spellings, and one who is none: both are noted
        table.write("again.png,pid00003x,1\nnobody.png,-,1\n")
    for name in ("again", "nobody"):
        cv2.imwrite(str(root / f"{name}.png"), np.random.default_rng(len(name)).integers(0, 256, (40, 40), np.uint8))
    study = STUDY.replace("labels: labels.csv", "labels: labels.csv, unknown_patients: own_patients")
    run_study(parse_study(study, where="x"), {"ours": root}, out, show_step=unseen, log="mlflow")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "1 patients have several spellings" in page
    assert re.search(
        r"trained on test patients is not known: 1 (test|training) images of ours have no patient id", page
    )
    command("package", out, "simclr", "--data", f"ours={root}", "--out", tmp_path / "model", "--n-bootstrap", 100)
    command("export", tmp_path / "model/seed-0", "--format", "huggingface", "--out", tmp_path / "hub")
    (tmp_path / "pages").mkdir()
    for name in ("report.html", "tables", "figures", "logs"):
        (out / name).rename(tmp_path / "pages" / name)
    folders = [*out.glob("arms/*"), *out.glob("pretrain/*"), pretrained]
    assert len(folders) == 4
    looked = 0
    for path, content in everything_in(*folders, tmp_path / "model", tmp_path / "hub", tmp_path / "pages"):
        looked += 1
        assert not names(patients, content), path
    assert looked > 60
    card = read_card(out / "arms/simclr/seed-0")
    assert card.ledger.patients_of["ours"] in (32, 33)  # of 41, those who do not test
    scored = pl.read_parquet(out / "evaluation/predictions/simclr/seed-0.parquet")
    assert set(scored["patient_id"]) <= {*patients, "nobody.png"}  # the directory of a study is not shared as a whole
    assert set(scored["image_id"]) < {path.name for path in root.glob("*.png")}


def test_a_study_that_hashes_names_nobody_anywhere(hospital, unseen, tmp_path):
    root, patients = hospital
    out = tmp_path / "out"
    text = STUDY.replace("labels: labels.csv", "labels: labels.csv, hash_patients: true")
    study = parse_study(
        text.replace(
            "  simclr: {encoder: small_convnet, init: {pretrain: simclr, on: ours}}\n",
            "  other: {encoder: small_convnet}\n",
        ),
        where="x",
    )
    run_study(study, {"ours": root}, out, show_step=unseen)
    for path, content in everything_in(out):
        assert not names(patients, content), path
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


def test_patients_of_one_folder_under_two_names_are_asked_about(hospital, pretrained, tmp_path, monkeypatch):
    """The encoder knows them as patients of ours; the study calls the same folder theirs."""
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT)
    text = STUDY.replace("  ours:", "  theirs:").replace("on: ours", "on: theirs")
    renamed = prepare(started_from(pretrained, text), {"theirs": hospital[0]})
    assert contamination_of(renamed, "scratch").certainty == "unknown"
    with pytest.raises(HilumErrors, match=r"same people\? 8 ids of test patients are ids of patients of ours, whom"):
        refuse_contaminated(renamed)
    said = prepare(
        started_from(pretrained, text.replace("collection: folder", "collection: folder, issuer: ours")),
        {"theirs": hospital[0]},
    )
    assert contamination_of(said, "scratch").certainty == "yes"
    others = prepare(
        started_from(pretrained, text.replace("collection: folder", "collection: folder, issuer: b")),
        {"theirs": hospital[0]},
    )
    assert contamination_of(others, "scratch").certainty == "no"


def test_without_the_salt_it_is_not_known_and_never_no(hospital, ingested, pretrained, monkeypatch):
    raw = prepare(started_from(pretrained), {"ours": hospital[0]})
    message = contamination_of(raw, "scratch")
    assert (message.certainty, message.patients) == ("may", 8)
    assert message.message.startswith("NOT KNOWN: the ledger has pseudonyms with salt ")
    with pytest.raises(HilumErrors, match="NOT KNOWN"):
        refuse_contaminated(raw)
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT)
    assert contamination_of(raw, "scratch").certainty == "yes"
    monkeypatch.setenv("HILUM_PATIENT_SALT", SALT + ", another one")
    assert contamination_of(raw, "scratch").certainty == "may"


def test_weights_that_learnt_from_images_without_patient_ids_may_were_trained_on_anybody(hospital, tmp_path):
    words = [
        "pretrain", "simclr", "--data", f"ours={hospital[0]}", "--encoder", "small_convnet", "--preprocess", "[{resize: 32}]",
        "--epochs", 1, "--batch-size", 16, "--device", "cpu", "--stores", tmp_path / "stores", "--out", tmp_path / "encoder",
    ]  # fmt: skip
    command(*words)
    message = contamination_of(prepare(started_from(tmp_path / "encoder"), {"ours": hospital[0]}), "scratch")
    assert message.certainty == "may"
    assert message.message.endswith("images without patient ids")
    for path, content in everything_in(tmp_path / "encoder"):
        assert not names(hospital[1], content), path


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

    assert (
        "expected images of patients the weights were not trained on; found none: all 16 are of training patients"
        in str(probe(ingested).exception)
    )
    labels = "--labels", "labels.csv"
    message = str(probe(hospital[0], *labels, HILUM_PATIENT_SALT=SALT).exception)
    assert (
        "expected images of patients the weights were not trained on; found none: all 16 are of training patients"
        in message
    )
    message = str(probe(hospital[0], *labels).exception)
    assert "expected patients that can be compared" in message
    assert "--include-training-patients continues without this check" in message


def test_a_classifier_outside_of_a_study_is_not_judged_on_patients_of_its_weights(
    hospital, ingested, pretrained, tmp_path
):
    def finetuned(data, *more, **variables):
        words = "finetune", "--init", pretrained, "--data", f"ours={data}", "--split", "patients", "--device", "cpu"
        rest = "--stores", tmp_path / "stores", "--out", tmp_path / "out", *more
        return CliRunner(env=variables).invoke(hilum.cli.make_app(), [str(word) for word in (*words, *rest)])

    labels = "--labels", "labels.csv"
    message = str(finetuned(ingested).exception)
    assert "expected images of patients the weights were not trained on; found none" in message
    assert "found none" in str(finetuned(hospital[0], *labels, HILUM_PATIENT_SALT=SALT).exception)
    assert "expected patients that can be compared" in str(finetuned(hospital[0], *labels).exception)
    quick = "--set", "epochs=1", "--set", "patience=null", "--include-training-patients"
    answer = finetuned(ingested, *quick)
    assert answer.exit_code == 0, answer.output
    assert "16 images are of patients the weights were trained on: results on them are optimistic" in answer.output


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
    write_layout("chestxray14", tmp_path / "generated", images=20, size=32, seed=3)
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
