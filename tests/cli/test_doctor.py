import json
import shutil

import cv2
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.doctor import doctor
from hilum.cli.ingest import ingest
from hilum.errors import HilumError
from hilum.phantom.layouts import write_layout


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(doctor)
    app.command()(ingest)

    def run(*arguments, of="doctor"):
        return CliRunner().invoke(app, [of, *map(str, arguments)], catch_exceptions=False)

    return run


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    root = tmp_path_factory.mktemp("cli") / "CXR8"
    write_layout("chestxray14", root, images=24, size=48, seed=0)
    return root


@pytest.fixture
def spoilt(generated, tmp_path):
    """Own images in which a patient is on both sides, one image is there twice, and one file is broken."""
    root = tmp_path / "ours"
    shutil.copytree(generated / "images", root)
    names = sorted(path.name for path in root.iterdir())
    image = cv2.imread(str(root / names[0]), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(root / "again.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 75])
    (root / names[1]).write_bytes((root / names[1]).read_bytes()[:200])
    rows = [f"{name},{name[:8]},{'train' if number % 2 else 'test'},{number % 2}" for number, name in enumerate(names)]
    table = ["image,patient_id,split,Mass", *rows, "again.jpg,somebody,train,1"]
    (tmp_path / "labels.csv").write_text("\n".join(table) + "\n")
    return root


def test_faults_are_reported_on_the_terminal_in_tables_and_on_a_page(command, spoilt, tmp_path):
    result = command("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "ERROR    patients in several parts (ours)" in result.stdout
    assert "ERROR    duplicates across the split (ours)" in result.stdout
    assert result.stdout.index("ERROR ") < result.stdout.index("WARNING ")
    table = pl.read_parquet(tmp_path / "out" / "doctor.parquet")
    assert table.columns == ["severity", "check", "data_set", "message", "fix", "images", "image_ids"]
    assert {"patients in several parts", "duplicates across the split", "duplicates with conflicting labels"} <= set(
        table["check"]
    )
    copies = pl.read_parquet(tmp_path / "out" / "duplicates.parquet")
    assert copies.select("image_id_b", "kind").rows() == [("again.jpg", "near")]
    assert pl.read_parquet(tmp_path / "out" / "counts.parquet")["images"].sum() == 24 + 1
    page = (tmp_path / "out" / "doctor.html").read_text()
    assert page.count("data:image/jpeg;base64,") >= 2
    assert "somebody" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "counts.parquet",
        "doctor.html",
        "doctor.parquet",
        "duplicates.parquet",
        "measured",
        "missing.parquet",
    ]


def test_strict_ends_with_an_exit_code_where_errors_were_found(command, spoilt, generated, tmp_path):
    message = ("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out", "--strict")
    assert command(*message).exit_code == 1
    assert command("chestxray14", generated, "--out", tmp_path / "sound", "--strict").exit_code == 0


def test_json_says_the_same_and_nothing_else(command, spoilt, tmp_path):
    result = command("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out", "--json")
    message = json.loads(result.stdout)
    patients = len({path.name[:8] for path in spoilt.iterdir()} - {"again.jp"}) + 1
    assert message["data_sets"] == [
        {"name": "ours", "collection": "folder", "images": 25, "patients": patients, "unreadable": 1}
    ]
    assert message["errors"] == sum(issue["severity"] == "error" for issue in message["issues"]) >= 2
    assert message["copies"] == {"near": 1}


def test_copies_are_looked_for_across_data_sets(command, spoilt, generated, tmp_path):
    result = command("folder", spoilt, "--also", f"chestxray14={generated}", "--out", tmp_path / "out", "--json")
    message = json.loads(result.stdout)
    assert [one["name"] for one in message["data_sets"]] == ["ours", "CXR8"]
    (issue,) = (issue for issue in message["issues"] if issue["check"] == "duplicates across data sets")
    assert issue["data_set"] == "ours and CXR8"
    assert message["copies"]["same file"] == 23


def test_what_was_ingested_is_examined_like_the_native_files(command, generated, tmp_path):
    command("chestxray14", generated, "--out", tmp_path / "ingested", of="ingest")
    command("chestxray14", generated, "--out", tmp_path / "one")
    command("ingested", tmp_path / "ingested", "--out", tmp_path / "other")
    for name in ("doctor.parquet", "counts.parquet", "missing.parquet", "duplicates.parquet"):
        assert pl.read_parquet(tmp_path / "one" / name).equals(pl.read_parquet(tmp_path / "other" / name))


def test_another_list_is_counted_when_asked_for(command, generated, tmp_path):
    command("chestxray14", generated, "--split", "chexnet", "--out", tmp_path / "out")
    assert set(pl.read_parquet(tmp_path / "out" / "counts.parquet")["split"]) <= {"train", "val", "test"}
    with pytest.raises(HilumError, match="--split: expected one of official, chexnet"):
        command("chestxray14", generated, "--split", "mine", "--out", tmp_path / "out")


def test_a_second_examination_gives_the_same_bytes(command, spoilt, tmp_path):
    message = ("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "out")
    command(*message)
    first = (tmp_path / "out" / "doctor.html").read_bytes()
    command(*message)
    assert (tmp_path / "out" / "doctor.html").read_bytes() == first


def test_a_folder_with_other_things_in_it_is_not_written_to(command, generated):
    with pytest.raises(HilumError, match="expected a new folder, or one to replace"):
        command("chestxray14", generated, "--out", generated)


@pytest.mark.parametrize("text", ["chestxray14", "=images", "folder="])
def test_a_data_set_that_is_half_named_is_refused(command, generated, tmp_path, text):
    with pytest.raises(HilumError, match="--also: expected COLLECTION=FOLDER"):
        command("chestxray14", generated, "--also", text, "--out", tmp_path / "out")


def test_options_of_reading_have_no_use_for_what_was_ingested(command, tmp_path):
    with pytest.raises(HilumError, match="--release: expected nothing for ingested"):
        command("ingested", tmp_path, "--release", "2020", "--out", tmp_path / "out")


def test_a_patient_on_both_sides_does_not_stop_the_examination(command, spoilt, tmp_path):
    with pytest.raises(HilumError, match="every patient in one part only"):
        command("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", tmp_path / "in", of="ingest")
    out = tmp_path / "out"
    assert command("folder", spoilt, "--labels", tmp_path / "labels.csv", "--out", out).exit_code == 0
    assert "patients in several parts" in pl.read_parquet(out / "doctor.parquet")["check"].to_list()
