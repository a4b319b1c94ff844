import json

import pytest
import safetensors.torch
import torch

from hilum.artifacts import file_sha256
from hilum.encoders.card import Card, read_card
from hilum.encoders.weights import compare_weights, load_encoder, load_weights, save_encoder, write_weights
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError

CARD = Card(
    encoder="resnet18",
    method="simclr",
    settings={"epochs": 3},
    preprocessing=[{"resize": 32}],
    image_size=32,
    mean=0.5,
    std=0.25,
    seed=1,
    split="patients-70-10-20-s0 (3f9a1c)",
    training_patients=["chest:1", "chest:2"],
    n_training_images=5,
)


@pytest.fixture
def saved(tmp_path):
    encoder = create_encoder("resnet18", seed=1)
    save_encoder(encoder, CARD, tmp_path / "encoder")
    return encoder, tmp_path / "encoder"


def tamper(directory, change):
    """Change the tensors of a file and let the card vouch for them, so that the keys are what is wrong."""
    path = directory / "encoder.safetensors"
    tensors = safetensors.torch.load_file(path)
    change(tensors)
    safetensors.torch.save_file(tensors, path)
    card = json.loads((directory / "card.json").read_text())
    (directory / "card.json").write_text(json.dumps(card | {"sha256": file_sha256(path)}))


def test_an_encoder_and_its_card_come_back_as_they_were(saved):
    encoder, directory = saved
    loaded, card = load_encoder(directory)
    for name, weight in encoder.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weight), name
    assert card.sha256 == file_sha256(directory / "encoder.safetensors")
    assert card.hilum_version
    named = {"training_patients": CARD.training_patients, "version": CARD.version}  # on disk by pseudonyms
    assert card.model_copy(update={"sha256": "", "hilum_version": "", **named}) == CARD
    assert card.ledger.contains(["chest:1", "chest:2", "chest:3"]).tolist() == [True, True, False]
    assert sorted(path.name for path in directory.iterdir()) == ["card.json", "encoder.safetensors"]


def test_equal_weights_give_equal_bytes_in_any_memory_format(tmp_path):
    encoder = create_encoder("resnet18", seed=1)
    first = write_weights(encoder, tmp_path / "a.safetensors")
    assert write_weights(encoder.to(memory_format=torch.channels_last), tmp_path / "b.safetensors") == first


def test_the_report_of_complete_weights_lists_every_key(saved):
    encoder, directory = saved
    report = load_weights(
        create_encoder("resnet18", seed=2), directory / "encoder.safetensors", read_card(directory).sha256
    )
    assert report.complete
    assert report.matched == list(encoder.state_dict())


def test_a_missing_an_unexpected_and_a_misshapen_key_are_each_named_and_nothing_is_loaded(saved):
    _, directory = saved

    def change(tensors):
        del tensors["body.bn1.weight"]
        tensors["head.weight"] = torch.zeros(2)
        tensors["body.conv1.weight"] = torch.zeros(64, 3, 7, 7)

    tamper(directory, change)
    fresh = create_encoder("resnet18", seed=2)
    before = fresh.body.layer1[0].conv1.weight.clone()
    with pytest.raises(HilumError) as caught:
        load_weights(fresh, directory / "encoder.safetensors", read_card(directory).sha256)
    assert caught.value.problems == [
        "missing: body.bn1.weight",
        "unexpected: head.weight",
        "other shape: body.conv1.weight: 64×3×7×7 in the file, 64×1×7×7 in the model",
    ]
    assert "120 keys fit; nothing was loaded" in str(caught.value)
    assert torch.equal(fresh.body.layer1[0].conv1.weight, before)


def test_comparing_counts_every_key_in_one_place():
    encoder = create_encoder("resnet18", seed=0)
    report = compare_weights(encoder, {"mean": torch.tensor(0.5), "std": torch.zeros(2), "other": torch.zeros(1)})
    assert report.matched == ["mean"]
    assert report.unexpected == ["other"]
    assert report.misshaped == ["std: 2 in the file, scalar in the model"]
    assert len(report.missing) == len(encoder.state_dict()) - 2
    assert not report.complete


def test_a_truncated_file_is_refused(saved):
    _, directory = saved
    path = directory / "encoder.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(HilumError, match=r"encoder\.safetensors: expected a safetensors file"):
        load_encoder(directory)


def test_text_in_place_of_weights_is_refused(saved):
    _, directory = saved
    (directory / "encoder.safetensors").write_text("not weights")
    with pytest.raises(HilumError, match="expected a safetensors file"):
        load_encoder(directory)


def test_other_weights_than_the_cards_are_refused(saved):
    _, directory = saved
    write_weights(create_encoder("resnet18", seed=9), directory / "encoder.safetensors")
    with pytest.raises(HilumError, match=r"expected SHA-256 .* as on its card"):
        load_encoder(directory)


def test_a_card_without_a_field_names_it(saved):
    _, directory = saved
    card = json.loads((directory / "card.json").read_text())
    del card["training_patients"]
    (directory / "card.json").write_text(json.dumps(card))
    with pytest.raises(HilumError, match="training_patients: Field required"):
        load_encoder(directory)


def test_a_directory_without_a_card_is_refused(tmp_path):
    with pytest.raises(HilumError, match=r"card\.json: expected the card of the weights; found no such file"):
        load_encoder(tmp_path)


def test_a_card_without_weights_is_refused(saved):
    _, directory = saved
    (directory / "encoder.safetensors").unlink()
    with pytest.raises(HilumError, match=r"encoder\.safetensors: expected weights; found no such file"):
        load_encoder(directory)
