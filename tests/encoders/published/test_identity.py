"""Whose file it is: by checksum, by name, by somebody's word; and what follows for what it was trained on."""

import hashlib
import json

import polars as pl
import pytest
import safetensors.torch
import timm
import torch

from hilum.encoders.card import read_card
from hilum.encoders.published import (
    describe_weights,
    find_imported,
    import_weights,
    published_weights,
    remembered_checksum,
    resolve_weights,
)
from hilum.encoders.statements import find_contamination
from hilum.errors import HilumError

ROWS = published_weights()
ATTO = "fcmae_imagenet1k_convnextv2_atto"


@pytest.fixture(scope="module")
def atto():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return timm.create_model("convnextv2_atto").state_dict()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def write(path, tensors):
    torch.save(tensors, path)
    return path


def without(tensors, *begin):
    return {key: tensor for key, tensor in tensors.items() if not key.startswith(begin)}


def test_a_teacher_checkpoint_of_ones_own_is_not_the_published_backbone(tmp_path, folder, published_shapes, fill):
    path = write(tmp_path / "teacher_checkpoint.pth", fill(published_shapes["dinov2_checkpoint"]()))
    with pytest.raises(HilumError) as caught:
        import_weights("dinov2_vits14", path, weights_dir=folder)
    assert "teacher_checkpoint of a training run of DINOv2, not published" in str(caught.value)
    assert (
        f"hilum weights import {path} --encoder vit_small_patch14_dinov2 --layout dinov2_checkpoint" in caught.value.fix
    )
    assert list(folder.iterdir()) == []


def test_a_file_that_only_a_word_makes_the_published_one_was_trained_on_nobody_knows_what(tmp_path, folder, atto):
    directory = import_weights(ATTO, write(tmp_path / "mine.pth", atto), weights_dir=folder)
    card = read_card(directory)
    assert [each.certainty for each in card.statements] == ["unknown"]
    assert (card.settings["file"], card.settings["known_by"]) == ("mine.pth", "word")
    assert "import with --anyway" in card.statements[0].source
    images = pl.DataFrame({"image_id": ["a"], "patient_id": ["1"], "split": ["test"]})
    assert find_contamination(card.statements, "anything", images, ["a"]).certainty == "may"
    assert describe_weights(ATTO, "convnextv2_atto", folder).trained_on == card.statements
    assert remembered_checksum(folder, ATTO) is None

    vouched = import_weights(ATTO, tmp_path / "mine.pth", weights_dir=folder, anyway=True)
    assert read_card(vouched).statements == []
    assert read_card(vouched).settings["known_by"] == "stated"


def test_after_a_file_of_ones_own_the_real_one_is_still_accepted_and_used(tmp_path, folder, published_shapes, fill):
    row = ROWS["dinov2_vits14"]
    own = write(tmp_path / "own.pth", fill(published_shapes["dinov2"](), 1))
    first = import_weights(row.name, own, weights_dir=folder)
    real = write(folder / row.source.file, fill(published_shapes["dinov2"](), 2))
    second = resolve_weights(row.name, row.encoder, folder)
    assert first != second
    assert read_card(second).settings["file_sha256"] == hashlib.sha256(real.read_bytes()).hexdigest()
    assert read_card(second).settings["known_by"] == "name"
    assert find_imported(folder, row) == second
    assert describe_weights(row.name, row.encoder, folder).trained_on == list(row.trained_on)


def test_an_import_by_older_rules_is_made_again(folder, published_shapes, fill):
    row = ROWS["dinov2_vits14"]
    write(folder / row.source.file, fill(published_shapes["dinov2"]()))
    directory = resolve_weights(row.name, row.encoder, folder)
    report = json.loads((directory / "import.json").read_text())
    del report["digest"]
    (directory / "import.json").write_text(json.dumps(report))
    assert find_imported(folder, row) is None
    assert resolve_weights(row.name, row.encoder, folder) == directory
    assert json.loads((directory / "import.json").read_text())["digest"]


def test_the_file_name_of_another_row_is_refused_unless_somebody_vouches(tmp_path, folder, published_shapes, fill):
    path = tmp_path / ROWS["torchxrayvision_chexpert"].source.file
    write(path, fill(published_shapes["torchxrayvision"]()))
    with pytest.raises(HilumError, match=r"found the file name of torchxrayvision_chexpert\. Import it --as torchxray"):
        import_weights("torchxrayvision_nih", path, weights_dir=folder)
    assert list(folder.iterdir()) == []
    directory = import_weights("torchxrayvision_nih", path, weights_dir=folder, anyway=True)
    assert [each.collection for each in read_card(directory).statements] == ["chestxray14"]
    directory = import_weights("torchxrayvision_chexpert", path, weights_dir=folder)
    assert read_card(directory).settings["known_by"] == "name"


@pytest.mark.parametrize(("classes", "message"), [(14, "found one of 14 classes"), (0, "found none")])
def test_a_classifier_of_other_findings_or_none_is_not_imagenets(tmp_path, folder, atto, classes, message):
    other = without(atto, "head.fc")
    if classes:
        other |= {"head.fc.weight": torch.ones(classes, 320), "head.fc.bias": torch.ones(classes)}
    with pytest.raises(HilumError, match=f"expected a classifier of 1,000 classes, .*; {message}"):
        import_weights(ATTO, write(tmp_path / "a.pth", other), weights_dir=folder)
    assert read_card(import_weights(ATTO, tmp_path / "a.pth", weights_dir=folder, anyway=True)).method


@pytest.mark.parametrize(
    ("case", "name", "key", "shape"),
    [
        ("eva_x", "eva_x_tiny", "module.head.weight", (14, 192)),
        ("hf_dinov2", "dinov2_vits14", "classifier.weight", (14, 768)),
        ("augreg", "imagenet21k_vitb16", "head/kernel", (192, 1000)),
        ("chexnet", "chexnet", "state_dict.module.densenet121.classifier.0.weight", (15, 1024)),
        ("torchxrayvision", "torchxrayvision_all", "classifier.weight", (14, 1024)),
    ],
)
def test_every_layout_knows_a_classifier_that_tells_another_training(case, name, key, shape, published_shapes):
    from pathlib import Path

    from hilum.encoders.published import check_classifier
    from hilum.encoders.published.key_maps import LAYOUTS

    tensors = {each: torch.zeros(()).expand(size) for each, size in published_shapes[case]().items()}
    check_classifier(ROWS[name], LAYOUTS[case], tensors, Path("a"), anyway=False)
    with pytest.raises(HilumError, match="These weights were not trained like"):
        check_classifier(ROWS[name], LAYOUTS[case], tensors | {key: torch.zeros(shape)}, Path("a"), anyway=False)


def test_self_supervised_and_fine_tuned_convnexts_are_distinguished(tmp_path, folder, atto):
    bare, ours = without(atto, "head."), "fcmae_convnextv2_atto"
    path = write(tmp_path / "bare.pth", bare)
    directory = import_weights(ours, path, weights_dir=folder)
    assert sorted(json.loads((directory / "import.json").read_text())["neutral"]) == [
        "head.norm.bias",
        "head.norm.weight",
    ]
    with pytest.raises(HilumError, match=r"missing: head\.norm\.weight"):
        import_weights(ATTO, path, weights_dir=folder)
    with pytest.raises(HilumError, match=r"expected no classifier, .*; found one of 1,000 classes"):
        import_weights(ours, write(tmp_path / "tuned.pth", atto), weights_dir=folder)
    for name, selected in ((ours, bare), (ATTO, atto)):
        half = without(selected, "head.norm") | {"head.norm.bias": atto["head.norm.bias"]}
        with pytest.raises(HilumError, match=r"missing: head\.norm\.weight"):
            import_weights(name, write(tmp_path / "half.pth", half), weights_dir=folder)


def test_timms_edition_is_sound_although_it_is_not_torchvisions_file(tmp_path, folder):
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(
        {key: tensor.contiguous() for key, tensor in timm.create_model("resnet18").state_dict().items()}, path
    )
    card = read_card(import_weights("imagenet1k_resnet18", path, weights_dir=folder))
    assert (card.settings["file"], card.settings["known_by"]) == ("model.safetensors", "word")
    path.rename(tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(HilumError, match=r"expected SHA-256 f37072fd…; found .* All keys match") as caught:
        import_weights("imagenet1k_resnet18", tmp_path / "resnet18-f37072fd.pth", weights_dir=folder)
    assert "delete" not in str(caught.value)


def test_the_row_whose_checksum_it_is_is_named(tmp_path, folder, monkeypatch):
    path = write(tmp_path / "model.pth", timm.create_model("resnet18").state_dict())
    begins = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    other = ROWS["imagenet1k_resnet50_v2"]
    source = other.source.model_copy(update={"sha256_begins": begins})
    monkeypatch.setitem(ROWS, other.name, other.model_copy(update={"source": source}))
    for anyway in (False, True):
        with pytest.raises(HilumError, match=r"found that of imagenet1k_resnet50_v2.*--as imagenet1k_resnet50_v2"):
            import_weights("imagenet1k_resnet18", path, weights_dir=folder, anyway=anyway)


def test_a_folder_of_hugging_face_is_read_and_shards_are_named(tmp_path, folder, published_shapes, fill):
    hub = tmp_path / "rad-dino"
    hub.mkdir()
    (hub / "config.json").write_text("{}")
    with pytest.raises(HilumError, match=r"found a folder without model\.safetensors or pytorch_model\.bin"):
        import_weights("dinov2_vits14", hub, weights_dir=folder)
    (hub / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    with pytest.raises(HilumError, match=r"found one in several files \(model\.safetensors\.index\.json\)"):
        import_weights("dinov2_vits14", hub, weights_dir=folder)
    with pytest.raises(HilumError, match="found the table of a checkpoint in several files"):
        import_weights("dinov2_vits14", hub / "model.safetensors.index.json", weights_dir=folder)
    safetensors.torch.save_file(fill(published_shapes["hf_dinov2"]()), hub / "model.safetensors")
    assert import_weights("dinov2_vits14", hub, weights_dir=folder).is_dir()


def test_a_prefix_in_the_way_is_named_with_the_command(tmp_path, folder):
    tensors = {f"state_dict.model.backbone.{k}": v for k, v in timm.create_model("resnet18").state_dict().items()}
    with pytest.raises(
        HilumError, match=r"without state_dict\.model\.backbone\. in front .*--prefix state_dict\.model"
    ):
        import_weights("imagenet1k_resnet18", write(tmp_path / "a.ckpt", tensors), weights_dir=folder)


def test_a_smaller_network_of_the_family_is_named(tmp_path, folder, atto):
    with pytest.raises(HilumError, match=r"It fits convnextv2_atto, as of fcmae_imagenet1k_convnextv2_atto\."):
        import_weights("fcmae_imagenet1k_convnextv2_nano", write(tmp_path / "a.pth", atto), weights_dir=folder)
