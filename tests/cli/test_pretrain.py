"""`hilum pretrain` and `hilum probe` on generated images, one after the other."""

import json
import shutil

import polars as pl
import pytest
from typer.testing import CliRunner

import hilum.cli
from hilum.encoders.card import read_card
from hilum.encoders.weights import save_encoder
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError, HilumErrors

SMALL = ["--encoder", "small_convnet", "--preprocess", "[{square: pad}, {resize: 32}]", "--epochs", "1"]


@pytest.fixture(scope="module")
def here(generated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain")
    (folder / "CXR8").symlink_to(generated("chestxray14", 120, 0))
    return folder


def run(command, here, *arguments):
    message = [
        command,
        *map(str, arguments),
        "--data",
        f"chestxray14={here / 'CXR8'}",
        "--stores",
        str(here / "stores"),
    ]
    return CliRunner().invoke(hilum.cli.make_app(), [*message, "--device", "cpu"], catch_exceptions=False)


@pytest.fixture(scope="module")
def pretrained(here):
    answer = run("pretrain", here, "simclr", *SMALL, "--set", "batch_size=16", "--out", here / "simclr")
    assert answer.exit_code == 0
    return answer.stdout


def test_a_run_says_its_settings_with_reasons_and_leaves_an_encoder(here, pretrained):
    words = pretrained.split()
    assert pretrained.startswith("simclr of small_convnet on ")
    assert "starts from random weights" in pretrained
    assert " ".join(words[words.index("batch_size") :][:6]) == "batch_size 16 given Images per step,"
    assert "preset 1k: of 1k, 10k, 100k, 1M, the nearest to" in pretrained
    assert " ".join(words[words.index("temperature") :][:6]) == "temperature 0.2 preset 1k measured; with"
    assert read_card(here / "simclr").settings["lr"] == pytest.approx(3.54e-4)  # 1e-3 for 128 images, by the root
    names = sorted(path.name for path in (here / "simclr").iterdir())
    assert names == ["card.json", "curves.parquet", "encoder.safetensors"]


def test_official_test_patients_are_not_learnt_from_unless_it_is_reported(here, pretrained, tmp_path):
    listed = (here / "CXR8" / "test_list.txt").read_text().split()
    test_patients = {f"phantom-s0:{int(name.split('_')[0])}" for name in listed}
    assert test_patients
    card = read_card(here / "simclr")
    assert not card.ledger.contains(sorted(test_patients)).any()
    assert card.split.startswith("chestxray14, all but test of official-val20-s0 (")
    more = ["--include-test", "--batch-size", "16", "--json", "--out", tmp_path / "all"]
    message = json.loads(run("pretrain", here, "simclr", *SMALL, *more).stdout)
    assert message["images"] == 120
    assert read_card(tmp_path / "all").ledger.contains(sorted(test_patients)).all()


def test_probes_are_planned_and_the_epoch_that_was_kept_is_reported(here, pretrained, tmp_path):
    words = " ".join(pretrained.split())
    assert "probed before training and every epoch, fitted to " in words
    assert "epoch 1 of 1 was kept" in words
    assert read_card(here / "simclr").epoch == 1
    curves = pl.read_parquet(here / "simclr" / "curves.parquet")
    assert curves["probe_auroc"].is_between(0, 1).all()
    more = ["--set", "batch_size=16", "--set", "probe_every=0", "--json", "--out", tmp_path / "unprobed"]
    message = json.loads(run("pretrain", here, "simclr", *SMALL, *more).stdout)
    assert message["probe"] == "not probed: the last epoch is kept"
    assert (message["selected_epoch"], message["probe_seconds"]) == (1, 0)


def test_the_same_command_again_finds_its_run_done_and_another_seed_trains_anew(here, pretrained, tmp_path):
    shutil.copytree(here / "simclr", tmp_path / "simclr")
    weights = tmp_path / "simclr" / "encoder.safetensors"
    before = weights.read_bytes()
    again = ["--set", "batch_size=16", "--out", tmp_path / "simclr", "--json"]
    assert json.loads(run("pretrain", here, "simclr", *SMALL, *again).stdout)["was_done"]
    assert weights.read_bytes() == before
    other = run("pretrain", here, "simclr", *SMALL, *again, "--seed", "1")
    assert not json.loads(other.stdout)["was_done"]
    assert weights.read_bytes() != before


def test_going_on_from_weights_says_how_they_fit_and_whom_they_were_trained_on(here, pretrained, tmp_path):
    more = ["--init", here / "simclr", "--batch-size", "16", "--out", tmp_path / "on"]
    expected = run("pretrain", here, "simclr", *SMALL, *more).stdout
    assert f"starts from {here / 'simclr'}: 32 keys matched, 0 missing" in expected
    assert "images in the last run" in expected
    assert read_card(tmp_path / "on").starts_from == read_card(here / "simclr").sha256
    with pytest.raises(HilumError, match="expected weights of densenet121; found weights of small_convnet"):
        run("pretrain", here, "simclr", "--encoder", "densenet121", *more)


def test_everything_wrong_is_reported_before_an_image_is_read(here, tmp_path):
    for arguments, complaint in (
        (["byol", *SMALL], "one of simclr, mocov2"),
        (["simclr", *SMALL, "--preprocess", "[{resize"], "--preprocess: expected steps or a name"),
        (["simclr", "--encoder", "resnet1"], "expected one of the .* found resnet1"),
        (["simclr", *SMALL, "--include-test", "--exclude-split", "val"], "--include-test: expected no --exclude-split"),
    ):
        with pytest.raises(HilumError, match=complaint):
            run("pretrain", here, *arguments, "--out", tmp_path / "out")
    sets = ["--set", "lr=-1", "--set", "temperature=no", "--set", "what=1"]
    with pytest.raises(HilumErrors, match="3 problems"):
        run("pretrain", here, "simclr", *SMALL, *sets, "--out", tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with pytest.raises(HilumError, match="expected a new folder, or one to replace"):
        run("pretrain", here, "simclr", *SMALL, "--out", tmp_path / "out")


def test_an_encoder_is_probed_beside_random_ones_and_shortcuts(here, pretrained, tmp_path):
    more = [
        "--out",
        tmp_path / "probed",
        "--n-bootstrap",
        "100",
        "--min-positive-patients",
        "2",
        "--findings",
        "Effusion,Mass",
    ]
    message = json.loads(run("probe", here, here / "simclr", *more, "--json").stdout)
    arms = ["this encoder", "random weights", "calibrated random weights", "8x8 thumbnail", "age, sex and view"]
    assert [row["arm"] for row in message["signs"]] == arms
    assert message["findings"] == ["Pleural Effusion", "Mass"]
    assert sum(message["images"].values()) == 120
    metrics = pl.read_parquet(tmp_path / "probed" / "metrics.parquet")
    assert metrics.to_dicts() == message["metrics"]
    assert set(metrics["probe"]) == {"linear", "neighbours"}
    comparisons = pl.read_parquet(tmp_path / "probed" / "comparisons.parquet")
    assert set(comparisons["arm"]) == {"this encoder"}
    assert set(comparisons["reference"]) == set(arms[1:])
    expected = run("probe", here, here / "simclr", *more).stdout
    assert expected.startswith("small_convnet, simclr · chestxray14, official-val20-s0 (")
    assert "Nearest neighbours, macro AUROC" in expected


def test_an_encoder_without_batch_norm_is_probed_without_calibration(here, pretrained, tmp_path):
    card = read_card(here / "simclr").model_copy(update={"encoder": "vit_tiny_patch16_224", "method": "none"})
    save_encoder(create_encoder("vit_tiny_patch16_224", seed=0), card, tmp_path / "vit")
    more = ["--out", tmp_path / "probed", "--n-bootstrap", "100", "--findings", "Effusion", "--json"]
    message = json.loads(run("probe", here, tmp_path / "vit", *more).stdout)
    assert "calibrated random weights" not in [row["arm"] for row in message["signs"]]


def test_a_batch_beyond_the_images_is_refused_before_any_is_decoded(here, tmp_path):
    command = ["pretrain", "simclr", *SMALL, "--batch-size", "512", "--out", str(tmp_path / "out")]
    command += ["--data", f"chestxray14={here / 'CXR8'}", "--stores", str(tmp_path / "stores"), "--device", "cpu"]
    with pytest.raises(HilumError, match="expected at least one batch of 512; found 120 images"):
        CliRunner().invoke(hilum.cli.make_app(), command, catch_exceptions=False)
    assert list(tmp_path.iterdir()) == []
