import json

import numpy as np
import pytest
import timm
import torch
from typer.testing import CliRunner

import hilum.cli
from hilum.encoders.weights import load_encoder
from hilum.errors import HilumError


@pytest.fixture
def hilum_weights(tmp_path, monkeypatch):
    """`hilum weights …` with an empty weights folder."""
    monkeypatch.setenv("HILUM_WEIGHTS", str(tmp_path / "folder"))

    def run(*words: object) -> str:
        answer = CliRunner().invoke(hilum.cli.make_app(), ["weights", *map(str, words)], catch_exceptions=False)
        assert answer.exit_code == 0, answer.output
        return answer.output

    return run


@pytest.fixture(scope="module")
def atto(tmp_path_factory):
    """ConvNeXt-V2 atto as timm would publish it, with random weights."""
    path = tmp_path_factory.mktemp("published") / "atto.pth"
    torch.save(timm.create_model("convnextv2_atto").state_dict(), path)
    return path


def test_the_list_works_offline_with_an_empty_folder(hilum_weights, tmp_path):
    listed = hilum_weights("list", "--encoder", "densenet121")
    assert "chexnet" in listed
    assert "dinov2" not in listed
    assert f"Weights folder: {tmp_path / 'folder'}" in listed
    assert not (tmp_path / "folder").exists()
    with pytest.raises(HilumError, match="expected the name of an encoder"):
        hilum_weights("list", "--encoder", "densenet")


def test_the_list_is_data_on_request(hilum_weights):
    rows = {row["name"]: row for row in json.loads(hilum_weights("list", "--json"))}
    assert rows["chexnet"]["trained_on"][0]["list"] == "split_chexnet"
    assert rows["chexnet"]["here"] == "no"
    assert rows["rad_dino"]["image_size"] == 518


def test_show_tells_source_licence_normalisation_and_what_was_seen(hilum_weights):
    reported = hilum_weights("show", "mocov2_resnet50")
    for part in ("moco_v2_800ep_pretrain.pth.tar", "a04e12f8…", "MIT", "mean 0.485 0.456 0.406", "radiographs    none"):
        assert part in reported
    assert "17,920 of the 25,596 official test images" in hilum_weights("show", "chexnet")
    assert json.loads(hilum_weights("show", "chexnet", "--json"))["encoder"] == "densenet121"


def test_fetch_says_where_to_get_what_cannot_be_downloaded(hilum_weights, tmp_path):
    with pytest.raises(HilumError, match="Accept the licence there") as caught:
        hilum_weights("fetch", "dinov3_vits16")
    file = "dinov3_vits16_pretrain_lvd1689m-08c60483.pth"
    assert f"put it as {tmp_path / 'folder' / file}" in str(caught.value)


def test_a_file_is_verified_imported_and_listed(hilum_weights, atto, tmp_path):
    name = "fcmae_imagenet1k_convnextv2_atto"
    verified = hilum_weights("verify", atto, "--as", name)
    assert "complete" in verified
    assert "2 not used: the classifier of the original task" in verified
    assert not (tmp_path / "folder").exists()
    assert json.loads(hilum_weights("verify", atto, "--as", name, "--json"))["layout"] == "timm"

    imported = hilum_weights("import", atto, "--as", name)
    assert "the first convolution was folded from three equal channels onto one" in imported
    assert f"Ready: init: {name}" in imported
    row = next(row for row in json.loads(hilum_weights("list", "--json")) if row["name"] == name)
    assert row["here"] == "imported"

    hilum_weights("import", atto, "--as", name, "--out", tmp_path / "own")
    encoder, card = load_encoder(tmp_path / "own")
    assert (encoder.name, card.settings["weights"]) == ("convnextv2_atto", name)
    (tmp_path / "own" / "thesis.tex").write_text("years of work")
    with pytest.raises(HilumError, match=r"thesis\.tex"):
        hilum_weights("import", atto, "--as", name, "--out", tmp_path / "own")


def test_a_pickled_model_is_imported_on_request(hilum_weights, tmp_path):
    path = tmp_path / "model.pt"
    torch.save(timm.create_model("convnextv2_atto"), path)
    name = "fcmae_imagenet1k_convnextv2_atto"
    with pytest.raises(HilumError, match=r"hilum weights import .*model\.pt --as NAME --unpickle"):
        hilum_weights("import", path, "--as", name)
    assert "Ready" in hilum_weights("import", path, "--as", name, "--unpickle")


def test_a_file_of_an_unknown_name_has_to_be_named(hilum_weights, atto):
    with pytest.raises(HilumError, match="Name the weights: --as NAME"):
        hilum_weights("verify", atto)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"<html>Log in</html>", "a web page"),
        (np.random.default_rng(0).bytes(2000), "something else"),
    ],
)
def test_what_is_no_checkpoint_is_refused(hilum_weights, tmp_path, content, message):
    (tmp_path / "dinov2_vits14_pretrain.pth").write_bytes(content)
    with pytest.raises(HilumError, match=message):
        hilum_weights("verify", tmp_path / "dinov2_vits14_pretrain.pth")
    with pytest.raises(HilumError, match=message):
        hilum_weights("import", tmp_path / "dinov2_vits14_pretrain.pth", "--as", "dinov2_vits14")
    assert not (tmp_path / "folder").exists()


def test_weights_of_ones_own_are_imported_with_what_they_were_trained_on(hilum_weights, atto, tmp_path):
    words = ("import", atto, "--encoder", "convnextv2_atto", "--layout", "timm")
    with pytest.raises(HilumError, match="--trained-on unknown, none or a table"):
        hilum_weights(*words)
    with pytest.raises(HilumError, match="found both"):
        hilum_weights(*words, "--trained-on", "none", "--as", "chexnet")
    with pytest.raises(HilumError, match="expected unknown, none or a table; found 'nobody'"):
        hilum_weights(*words, "--trained-on", "nobody")
    with pytest.raises(HilumError, match="--mean: expected one number or three; found 'gray'"):
        hilum_weights(*words, "--trained-on", "none", "--mean", "gray", "--std", "1")
    assert not (tmp_path / "folder").exists()

    assert "Ready: init: " in hilum_weights(*words, "--trained-on", "unknown", "--out", tmp_path / "a")
    assert [each.certainty for each in load_encoder(tmp_path / "a")[1].statements] == ["unknown"]
    hilum_weights(*words, "--trained-on", "none", "--mean", "0.5", "--std", "0.25", "--out", tmp_path / "b")
    encoder, card = load_encoder(tmp_path / "b")
    assert (card.statements, card.training_patients, float(encoder.mean)) == ([], [], 0.5)

    table = tmp_path / "patients.csv"
    table.write_text("collection,patient_id\nours,7\nours,7\nchexpert,13\n")
    hilum_weights(*words, "--trained-on", table, "--out", tmp_path / "c")
    assert len(load_encoder(tmp_path / "c")[1].training_patients) == 2
    table.write_text("patient_id\n7\nours:8\n")
    with pytest.raises(HilumError, match=r"expected patients with their collection; found 1 without \(7\)"):
        hilum_weights(*words, "--trained-on", table, "--out", tmp_path / "d")
    assert not (tmp_path / "d").exists()


def test_a_file_by_another_name_is_reported_to_be_known_by_word_alone(hilum_weights, atto):
    name = "fcmae_imagenet1k_convnextv2_atto"
    assert "only --as declares this to be the published file" in hilum_weights("import", atto, "--as", name)
    assert "only --as declares" not in hilum_weights("import", atto, "--as", name, "--anyway")
