"""`hilum pretrain` on the images of several data sets."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.encoders.card import read_card
from hilum.errors import HilumError
from hilum.phantom import write_layout
from hilum.pretext.methods import METHODS

SMALL = ["--encoder", "small_convnet", "--preprocess", "[{square: pad}, {resize: 32}]", "--epochs", "1"]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    write_layout("chestxray14", folder / "chestxray14", images=60, size=32, seed=0)
    write_layout("kermany", folder / "kermany", images=40, size=32, seed=1)
    return folder


def run(here, *more, sets=("chestxray14", "kermany")):
    named = [word for name in sets for word in ("--data", f"{name}={here / name}")]
    message = [
        "pretrain",
        "simclr",
        *named,
        *SMALL,
        "--batch-size",
        "16",
        "--stores",
        str(here / "stores"),
        *map(str, more),
    ]
    return CliRunner().invoke(hilum.cli.make_app(), [*message, "--device", "cpu"], catch_exceptions=False)


@pytest.fixture(scope="module")
def pooled(here):
    answer = run(here, "--out", here / "pooled")
    assert answer.exit_code == 0
    return answer.stdout


def test_a_pool_is_reported_set_by_set_and_its_patients_stand_in_the_ledger_under_their_own_issuers(here, pooled):
    card = read_card(here / "pooled")
    patients = card.ledger.patients_of
    assert list(patients) == ["phantom-s0", "phantom-s1"]
    rows = [line.split() for line in pooled.splitlines()]
    images = []
    for name, count in zip(("chestxray14", "kermany"), patients.values(), strict=True):
        row = next(row for row in rows if row[:1] == [name])
        assert row[2] == str(count)
        assert f"({row[1]} images of {count} patients)" in card.split
        images.append(int(row[1]))
    assert sum(images) == card.n_training_images


def test_test_patients_of_each_set_are_left_out_by_its_own_list(here, pooled):
    seen = read_card(here / "pooled").ledger
    issuers = {"chestxray14": "phantom-s0", "kermany": "phantom-s1"}
    for path in here.glob("stores/*/manifest.parquet"):
        manifest = pl.read_parquet(path)
        issuer = issuers[path.parent.name.partition("-")[0]]
        test = manifest.filter(pl.col("split") == "test")["patient_id"]
        assert len(test)
        assert not seen.contains([f"{issuer}:{patient}" for patient in test]).any()
        others = manifest.filter(pl.col("split") != "test")["patient_id"]
        assert seen.contains([f"{issuer}:{patient}" for patient in others]).any()


def test_the_same_pool_again_is_done_and_another_share_is_not(here, pooled):
    again = json.loads(run(here, "--out", here / "pooled", "--json").stdout)
    assert again["was_done"]
    assert [part["data"] for part in again["parts"]] == ["chestxray14", "kermany"]
    less = json.loads(run(here, "--out", here / "less", "--json", "--patient-fraction", "kermany=0.5").stdout)
    assert not less["was_done"]
    assert less["parts"][0] == again["parts"][0]
    assert less["parts"][1]["patients"] == pytest.approx(again["parts"][1]["patients"] / 2, abs=1)


def test_names_and_shares_that_do_not_fit_are_refused(here, tmp_path):
    for more, complaint in (
        (
            ["--patient-fraction", "padchest=0.5"],
            "--patient-fraction: expected NAME=FRACTION, with NAME one of chestxray14, kermany",
        ),
        (["--patient-fraction", "kermany=0"], "a fraction above 0 and at most 1; found kermany=0"),
        (["--data", f"kermany={here / 'kermany'}"], "--data: expected every name once; found kermany"),
        (["--labels", tmp_path / "labels.csv"], "--labels: expected one data set"),
    ):
        with pytest.raises(HilumError, match=complaint):
            run(here, "--out", tmp_path / "out", *more)


def test_the_help_names_every_method():
    message = CliRunner().invoke(hilum.cli.make_app(), ["pretrain", "--help"], env={"COLUMNS": "200"}).stdout
    assert [name for name in METHODS if name not in message] == []
