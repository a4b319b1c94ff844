import json

import pytest
import torch

from hilum.artifacts import file_sha256
from hilum.encoders.card import read_card
from hilum.encoders.published import (
    VARIABLE,
    describe_weights,
    find_imported,
    import_weights,
    published_weights,
    remembered_checksum,
    resolve_weights,
    weights_folder,
)
from hilum.encoders.weights import load_encoder, save_encoder
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError

CHEXNET = published_weights()["chexnet"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def put_chexnet(folder, published_shapes, fill, seed=0):
    """A file of CheXNet's layout, as a torch checkpoint with its counters."""
    tensors = fill(published_shapes["chexnet"](), seed)
    state = {key.removeprefix("state_dict."): tensor for key, tensor in tensors.items()}
    path = folder / CHEXNET.source.file
    torch.save({"epoch": 12, "state_dict": state, "best_loss": 0.1}, path)
    return path


def test_a_name_resolves_to_an_encoder_that_hilum_loads_and_is_made_once(folder, published_shapes, fill):
    path = put_chexnet(folder, published_shapes, fill)
    directory = resolve_weights("chexnet", "densenet121", folder)
    assert directory == folder / "imported" / f"chexnet-{file_sha256(path)[:16]}"
    assert sorted(file.name for file in directory.iterdir()) == [
        "card.json", "classifier.safetensors", "encoder.safetensors", "import.json",
    ]  # fmt: skip
    encoder, card = load_encoder(directory)
    with torch.no_grad():
        assert encoder.eval()(torch.rand(1, 1, 64, 64)).isfinite().all()
    assert card.settings["weights"] == "chexnet"
    assert card.settings["file_sha256"] == file_sha256(path)
    assert card.starts_from == "imagenet1k_densenet121"
    assert [statement.list for statement in card.statements] == ["split_chexnet"]
    assert card.mean == pytest.approx(float(encoder.mean))

    made = (directory / "encoder.safetensors").stat().st_mtime_ns
    path.unlink()  # the imported encoder is enough
    assert resolve_weights("chexnet", "densenet121", folder) == directory
    assert (directory / "encoder.safetensors").stat().st_mtime_ns == made


def test_another_file_under_the_same_name_is_refused(folder, published_shapes, fill):
    first = put_chexnet(folder, published_shapes, fill)
    import_weights("chexnet", first, weights_dir=folder)
    assert remembered_checksum(folder, "chexnet") == file_sha256(first)
    second = put_chexnet(folder, published_shapes, fill, seed=5)
    with pytest.raises(HilumError, match=r"the file imported first; found .* remove the name from"):
        import_weights("chexnet", second, weights_dir=folder)
    assert len(list((folder / "imported").iterdir())) == 1


def test_a_refused_file_leaves_nothing(folder, tmp_path):
    torch.save({"state_dict": {"module.densenet121.features.norm5.weight": torch.ones(1024)}}, tmp_path / "a.pth")
    with pytest.raises(HilumError, match=r"missing: state_dict\.module\.densenet121\.features\.conv0\.weight"):
        import_weights("chexnet", tmp_path / "a.pth", weights_dir=folder)
    assert list(folder.iterdir()) == []


def test_a_file_that_is_not_the_published_one_is_refused(folder, tmp_path):
    torch.save(create_state("resnet18"), tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(HilumError, match=r"expected SHA-256 f37072fd…; found"):
        import_weights("imagenet1k_resnet18", tmp_path / "resnet18-f37072fd.pth", weights_dir=folder)


def create_state(name):
    import timm

    return timm.create_model(name).state_dict()


def test_an_empty_folder_says_which_file_to_put_where(folder):
    with pytest.raises(HilumError) as caught:
        resolve_weights("imagenet1k", "resnet18", folder)
    assert str(caught.value) == (
        f"weights imagenet1k_resnet18: expected resnet18-f37072fd.pth; found not in {folder}. "
        "Get it from https://download.pytorch.org/models/resnet18-f37072fd.pth and put it as "
        f"{folder / 'resnet18-f37072fd.pth'}. Or, with a network, run `hilum weights fetch imagenet1k_resnet18`."
    )


def test_published_weights_are_described_before_they_are_here(folder, published_shapes, fill):
    described = describe_weights("chexnet", "densenet121", folder)
    assert (described.licence, described.here) == ("none stated", False)
    assert described.trained_on[0].collection == "chestxray14"
    put_chexnet(folder, published_shapes, fill)
    assert describe_weights("chexnet", "densenet121", folder).here
    assert describe_weights("imagenet1k", "resnet18", folder).trained_on == []


def test_a_directory_is_described_by_its_card(folder, tmp_path, published_shapes, fill):
    directory = import_weights("chexnet", put_chexnet(folder, published_shapes, fill), weights_dir=folder)
    described = describe_weights(directory, "densenet121")
    assert (described.licence, described.here, described.training_patients) == ("none stated", True, [])
    assert described.trained_on == list(CHEXNET.trained_on)
    assert resolve_weights(directory, "densenet121") == directory
    with pytest.raises(HilumError, match="expected weights of resnet18; found weights of densenet121"):
        resolve_weights(directory, "resnet18")


def test_statements_travel_with_the_card_and_old_cards_have_none(folder, tmp_path, published_shapes, fill):
    directory = import_weights("chexnet", put_chexnet(folder, published_shapes, fill), weights_dir=folder)
    card = read_card(directory)
    own = card.model_copy(update={"method": "simclr", "training_patients": ["chest:1"]})
    save_encoder(create_encoder("densenet121", seed=0), own, tmp_path / "own")
    assert read_card(tmp_path / "own").statements == card.statements
    old = json.loads((tmp_path / "own" / "card.json").read_text())
    del old["statements"]
    (tmp_path / "own" / "card.json").write_text(json.dumps(old))
    assert read_card(tmp_path / "own").statements == []


def test_the_folder_is_as_given_else_of_the_environment_else_of_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert weights_folder() == tmp_path / "hilum" / "weights"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "named"))
    assert weights_folder() == tmp_path / "named"
    assert weights_folder(tmp_path / "given") == tmp_path / "given"
    assert find_imported(tmp_path, CHEXNET) is None
