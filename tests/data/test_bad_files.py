"""A file that cannot be read, or that says odd things, costs itself: in stores, in the doctor and on sheets."""

import json
import os

import cv2
import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli.doctor import doctor
from hilum.cli.ingest import ingest
from hilum.cli.preview import preview
from hilum.data.collections import read_collection
from hilum.data.dicom import read_header
from hilum.data.images import Remark
from hilum.data.preprocess import parse_recipe
from hilum.data.store import build_store, open_store

RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
TWELVE = {"BitsStored": 12, "HighBit": 11}


@pytest.fixture
def root(tmp_path, dicom):
    """Two good images, two frames of colours that count as one, a name that is not UTF-8, and three odd headers."""
    root = tmp_path / "images"
    root.mkdir()
    noise = np.random.default_rng(0)
    for number in range(2):
        gray = cv2.resize(noise.integers(0, 256, (5, 5), dtype=np.uint8), (32, 32))
        cv2.imwrite(str(root / f"good{number}.png"), gray)
    colours = np.dstack([(RAMP >> 4).astype(np.uint8)] * 3).tobytes() * 2
    message = {"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
    dicom((RAMP >> 4).astype(np.uint8), "frames.dcm", PixelData=colours, **message).rename(root / "frames.dcm")
    (root / os.fsdecode(b"radiograf\xeda.png")).write_bytes((root / "good0.png").read_bytes())
    dicom(RAMP, "beside.dcm", WindowCenter=60_000, WindowWidth=100, **TWELVE).rename(root / "beside.dcm")
    dicom(RAMP, "bits.dcm", BitsStored=10, HighBit=9).rename(root / "bits.dcm")
    dicom(RAMP, "zero.dcm", WindowCenter=100, WindowWidth=0, **TWELVE).rename(root / "zero.dcm")
    return root


@pytest.fixture
def command():
    app = typer.Typer()
    for one in (doctor, ingest, preview):
        app.command()(one)

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


def test_a_store_sets_the_bad_file_aside_and_counts_the_odd_ones(root, tmp_path):
    dataset = read_collection("folder", root)
    store = build_store(dataset.manifest, root, parse_recipe([{"resize": 8}]), tmp_path / "store")
    assert sorted(store.image_ids) == ["beside.dcm", "bits.dcm", "good0.png", "good1.png", "zero.dcm"]
    assert store.rejected["reason"].to_list() == ["pixel data of 2 frames, but one in the header"]
    expected = {
        ("beside.dcm", Remark.WINDOW_BESIDE_VALUES),
        ("bits.dcm", Remark.BITS_ABOVE_STORED),
        ("zero.dcm", Remark.WINDOW_IMPOSSIBLE),
    }
    assert set(store.remarks.rows()) == expected
    assert list(map(str, store.notes())) == [
        "1 DICOM files: values use bits above BitsStored (0028,0101): they are used as values. Correct BitsStored, or "
        "look at the images with `hilum preview`.",
        "1 DICOM files: an invalid window or VOI LUT: it is ignored. Correct it, or preprocess all images with "
        "`window: full`.",
        "1 DICOM files: a window outside of all values: the image is constant. Preprocess with `window: full`, which "
        "ignores windows, or correct WindowCenter (0028,1050).",
    ]
    full = build_store(dataset.manifest, root, parse_recipe([{"window": "full"}, {"resize": 8}]), tmp_path / "full")
    assert set(full.remarks.rows()) == {("bits.dcm", Remark.BITS_ABOVE_STORED)}
    assert open_store(tmp_path / "full").remarks.equals(full.remarks)


def test_a_killed_build_forgets_no_remark(root, tmp_path, monkeypatch):
    manifest = read_collection("folder", root).manifest
    whole = build_store(manifest, root, parse_recipe([{"resize": 8}]), tmp_path / "whole")
    monkeypatch.setattr("hilum.data.store.journal._AT_A_TIME", 1)

    def interrupt(done, total, note):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_store(
            manifest, root, parse_recipe([{"resize": 8}]), tmp_path / "killed", workers=1, on_progress=interrupt
        )
    resumed = build_store(manifest, root, parse_recipe([{"resize": 8}]), tmp_path / "killed")
    assert resumed.remarks.sort("image_id").equals(whole.remarks.sort("image_id"))


def test_show_shows_the_rest_and_says_what_it_met(command, root, tmp_path):
    answer = command("preview", root, "--recipe", "toh2023", "--out", tmp_path / "sheet.html")
    assert answer.stdout.startswith("5 images shown, 1 unreadable")
    page = (tmp_path / "sheet.html").read_text()
    assert "pixel data of 2 frames, but one in the header" in page
    for remark in (Remark.WINDOW_BESIDE_VALUES, Remark.BITS_ABOVE_STORED, Remark.WINDOW_IMPOSSIBLE):
        assert remark.description in page
    assert command("preview", root, "--out", tmp_path / "sheet.png").exit_code == 0


def test_the_doctor_examines_the_rest_and_names_what_it_met(command, root, tmp_path):
    answer = command("doctor", "folder", root, "--out", tmp_path / "out", "--json")
    issues = {issue["check"]: issue for issue in json.loads(answer.stdout)["issues"]}
    assert issues["unreadable files"]["images"] == 2
    for check in ("window beside values", "bits above stored", "window impossible"):
        assert (issues[check]["severity"], issues[check]["images"]) == ("warning", 1)
    assert "window: full" in issues["window beside values"]["fix"]
    table = pl.read_parquet(tmp_path / "out" / "doctor.parquet")
    named = table.filter(pl.col("check") == "bits above stored")["image_ids"].item().to_list()
    assert named == ["bits.dcm"]


def test_the_doctor_follows_no_link_that_turned_round_after_ingest(command, root, tmp_path):
    command("ingest", "folder", root, "--out", tmp_path / "ours")
    (tmp_path / "secret.png").write_bytes((root / "good0.png").read_bytes())
    (root / "good1.png").unlink()
    (root / "good1.png").symlink_to(tmp_path / "secret.png")
    answer = command("doctor", "ingested", tmp_path / "ours", "--out", tmp_path / "out", "--json")
    message = {issue["check"]: issue["message"] for issue in json.loads(answer.stdout)["issues"]}
    assert "a path out of the data set's folder (1)" in message["unreadable files"]


def test_ingest_names_windows_that_cannot_be_and_files_by_printable_names(command, root, tmp_path):
    answer = command("ingest", "folder", root, "--out", tmp_path / "ours", "--json")
    notes = json.loads(answer.stdout)["notes"]
    assert any(note["text"].startswith("1 DICOM files: an invalid window or VOI LUT: it is ignored") for note in notes)
    rejected = pl.read_parquet(tmp_path / "ours" / "rejected.parquet")
    assert rejected["image_id"].to_list() == [r"radiograf\xeda.png"]
    assert read_header(root / "zero.dcm").remarks == (Remark.WINDOW_IMPOSSIBLE,)
