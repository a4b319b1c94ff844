import inspect
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from hilum.artifacts import file_sha256
from hilum.augment import plain_view, views_to_average
from hilum.data.patients import pseudonymised_names
from hilum.data.resampling import Resampling
from hilum.encoders.card import Card, read_card
from hilum.encoders.probe import mean_auroc
from hilum.encoders.weights import save_encoder
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.finetune import finetune
from hilum.finetuning.monitoring import read_learning
from hilum.finetuning.presets import resolve_finetuning
from hilum.finetuning.scores import SCORES, read_scores
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.weights import load_classifier

FINDINGS = ["Cardiomegaly", "Pneumothorax"]
SETTINGS = FinetuneSettings(
    epochs=2, batch_size=8, lr=1e-2, optimizer="sgd", precision="fp32", dropout=0.2, patience=None, device="cpu",
    checkpoint_every_seconds=600,
)  # fmt: skip


class Killed(Exception):
    pass


SMALL = "small_convnet"
"""Little to save at every step, with batch norm and dropout inside."""


def run(
    store, images, directory, *, settings=SETTINGS, init="random", encoder="small_convnet", scored=(40, 60), **further
):
    return finetune(
        init, encoder, store, images(0, 28), images(28, 40), [f"film{n:02d}" for n in range(*scored)], FINDINGS,
        settings=settings, seed=5, directory=directory, split_title="made-up (000000)", **further,
    )  # fmt: skip


@pytest.fixture(scope="session")
def pretrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretrained") / "encoder"
    encoder = create_encoder("small_convnet", seed=77)
    card = Card(
        encoder="small_convnet", method="simclr", settings={}, preprocessing=[{"resize": 32}], image_size=32, mean=0.5,
        std=0.25, seed=77, split="elsewhere", training_patients=["elsewhere:1", "patient3"], n_training_images=2,
    )  # fmt: skip
    return directory, save_encoder(encoder, card, directory)


def bits(directory):
    return {name: file_sha256(directory / name) for name in ("model.safetensors", "scores.parquet", "card.json")}


def test_a_directory_is_complete_and_its_scores_are_those_of_its_model(store, images, tmp_path):
    out = run(store, images, tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == [
        "card.json", "curves.parquet", "learning.json", "model.safetensors", "probe_scores.parquet", "scores.parquet",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == [out]
    assert pl.read_parquet(out / "scores.parquet").columns == ["pixels", "p_Cardiomegaly", "p_Pneumothorax"]
    scores = read_scores(out / SCORES, store, [f"film{n:02d}" for n in range(40, 60)])
    assert scores.columns == ["image_id", "p_Cardiomegaly", "p_Pneumothorax"]
    assert scores["image_id"].to_list() == [f"film{n:02d}" for n in range(40, 60)]
    classifier, card = load_classifier(out)
    with torch.no_grad():
        logits = classifier(plain_view(torch.from_numpy(store.pixels[40:60]).unsqueeze(1), 32))
    np.testing.assert_allclose(scores.drop("image_id").to_numpy(), logits.sigmoid().numpy(), atol=1e-5)
    assert card.findings == FINDINGS
    assert card.sha256 == file_sha256(out / "model.safetensors")
    assert pl.read_parquet(out / "curves.parquet")["epoch"].to_list() == [1, 2]


def test_the_card_says_whom_the_weights_were_trained_on_and_how_labels_were_weighed(
    store, images, tmp_path, pretrained
):
    directory, origin = pretrained
    card = read_card(run(store, images, tmp_path / "out", init=directory))
    trained_or_chosen_on = {f"patient{n}" for n in range(20)}
    assert card.training_patients == pseudonymised_names({"elsewhere:1"} | trained_or_chosen_on)
    assert card.n_training_images == 28
    assert (card.starts_from, card.split, card.seed) == (origin.sha256, "made-up (000000)", 5)
    # of 28 images 14 have a disc; of 24 with a known second label those of 3, 6, 9, 12, 15, 18, 24, 27 are positive
    assert card.settings["positive_weights"] == pytest.approx({"Cardiomegaly": 1.0, "Pneumothorax": 16 / 8})
    assert card.settings["without_positives"] == []


def test_it_learns_discs_and_bars(store, images, tmp_path):
    settings = replace(SETTINGS, epochs=10, lr=3e-3, optimizer="adamw", dropout=0.0, augmentation="none")
    scores = pl.read_parquet(run(store, images, tmp_path / "out", settings=settings) / "scores.parquet")
    numbers = np.arange(40, 60)
    for finding, positive in (("Cardiomegaly", numbers % 2 == 0), ("Pneumothorax", numbers % 3 == 0)):
        p = scores[f"p_{finding}"].to_numpy()
        pairs = p[positive][:, None] > p[~positive][None]
        assert pairs.mean() > 0.9, finding


def test_weights_of_pretraining_are_what_training_starts_from(store, images, tmp_path, pretrained):
    settings = replace(SETTINGS, unfreeze=1, epochs=1, optimizer="adamw")
    classifier, _ = load_classifier(run(store, images, tmp_path / "out", init=pretrained[0], settings=settings))
    start = create_encoder("small_convnet", seed=77).state_dict()
    same = {name for name, value in classifier.encoder.state_dict().items() if torch.equal(value, start[name])}
    assert same == {name for name in start if not name.startswith("body.4")}


EVERY_STEP = replace(SETTINGS, checkpoint_every_seconds=0)


@pytest.mark.parametrize(
    "settings", [EVERY_STEP, replace(EVERY_STEP, unfreeze=0, augmentation="none")], ids=["all", "head"]
)
def test_killed_at_any_step_and_with_any_number_of_workers_it_ends_with_the_same_bits(
    store, images, tmp_path, settings
):
    whole = bits(run(store, images, tmp_path / "whole", settings=settings, encoder=SMALL))
    for workers, at in ((1, 2), (2, 3), (0, 5)):

        def kill(done, total, note, at=at):
            if note.startswith("epoch") and done == at:
                raise Killed

        own = replace(settings, workers=workers)
        with pytest.raises(Killed):
            run(store, images, tmp_path / "killed", settings=own, encoder=SMALL, on_progress=kill)
        assert not (tmp_path / "killed").exists()
    steps = []
    run(
        store,
        images,
        tmp_path / "killed",
        settings=replace(settings, workers=2),
        encoder=SMALL,
        on_progress=lambda done, _, note: steps.append((note[:5], done)),
    )
    assert [done for note, done in steps if note == "epoch"] == [6, 7, 8]
    assert bits(tmp_path / "killed") == whole


def test_a_killed_run_with_other_settings_starts_from_the_beginning(store, images, tmp_path):
    def kill(done, total, note):
        if note.startswith("epoch") and done == 3:
            raise Killed

    settings = replace(EVERY_STEP, epochs=1)
    with pytest.raises(Killed):
        run(store, images, tmp_path / "out", settings=EVERY_STEP, encoder=SMALL, on_progress=kill)
    other = run(store, images, tmp_path / "out", settings=settings, encoder=SMALL)
    assert bits(other) == bits(run(store, images, tmp_path / "fresh", settings=settings, encoder=SMALL))


def test_a_frozen_encoder_without_augmentation_is_asked_for_each_image_once(store, images, tmp_path):
    reported = []
    settings = replace(SETTINGS, unfreeze=0, augmentation="none", epochs=3)
    run(
        store,
        images,
        tmp_path / "out",
        settings=settings,
        on_progress=lambda done, total, note: reported.append((note, total)),
    )
    notes = [note for note, _ in reported]
    assert notes.count("features of training images") == 4  # 28 images by 8
    assert notes.count("features of validation images") == 2  # 12 images by 8
    classifier, _ = load_classifier(tmp_path / "out")
    start = create_encoder("small_convnet", seed=5).state_dict()
    for name, value in classifier.encoder.state_dict().items():
        assert torch.equal(value, start[name]), name


def test_scoring_knows_no_labels():
    """Images to be scored come as ids; the only targets that training takes are those of training and validation."""
    parameters = inspect.signature(finetune).parameters
    assert [name for name, p in parameters.items() if "LabelledImages" in str(p.annotation)] == ["train", "val"]
    assert "Sequence[str]" in str(parameters["predict_ids"].annotation)


def test_inputs_that_do_not_fit_are_refused_before_anything_is_written(store, images, tmp_path, pretrained):
    def refused(
        message, *, init="random", encoder="small_convnet", train=(0, 28), val=(28, 40), scored=("film40",), **settings
    ):
        with pytest.raises(HilumError, match=message):
            finetune(
                init, encoder, store, images(*train), images(*val), list(scored), FINDINGS,
                settings=replace(SETTINGS, **settings), seed=5, directory=tmp_path / "out",
            )  # fmt: skip
        assert list(tmp_path.iterdir()) == []

    refused(
        "patients: expected none in both training and validation; found 1 in both \\(patient14\\)",
        train=(0, 29),
        val=(29, 40),
    )
    refused("validation images: expected at least one; found none", val=(40, 40))
    refused("images to score: expected at least one", scored=())
    refused("finetune.augmentation: expected one of none", augmentation="wild")
    refused("found 7 blocks, but small_convnet has 4", unfreeze=7)
    refused("expected weights of resnet50; found weights of small_convnet", init=pretrained[0], encoder="resnet50")
    refused("expected every requested image", scored=("film99",))


def test_an_encoder_is_not_a_classifier(pretrained):
    with pytest.raises(HilumError, match="expected a classifier; found an encoder without findings"):
        load_classifier(pretrained[0])


PROCESS = """
import sys, time
from pathlib import Path
import numpy as np, polars as pl
from hilum.data.preprocess import parse_recipe
from hilum.data.store.store import Store
from hilum.data.labelled_images import LabelledImages
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.finetune import finetune
from hilum.finetuning.settings import FinetuneSettings

out, workers, seconds_a_step = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
pixels = np.random.default_rng(0).integers(0, 256, (40, 32, 32), dtype=np.uint8)
ids = [f"film{n}" for n in range(40)]
rejected = pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String})
store = Store(out, pixels, ids, rejected, parse_recipe([{"resize": 32}]))
targets = np.random.default_rng(1).integers(0, 2, (40, 1)).astype(np.float32)
some = lambda a, b: LabelledImages(ids[a:b], ids[a:b], targets[a:b])

def tell(done, total, note):
    print(done, note, flush=True)
    time.sleep(seconds_a_step)

finetune("random", "resnet18", store, some(0, 24), some(24, 32), ids[32:], ["Mass"],
    settings=FinetuneSettings(epochs=3, batch_size=8, workers=workers, dropout=0.1, checkpoint_every_seconds=0),
    seed=0, directory=out, on_progress=tell)
"""


@pytest.mark.slow
def test_sigkill_at_a_random_step_and_a_resumed_process_end_with_the_same_bits(tmp_path):
    def start(name, workers, seconds_a_step):
        return subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(tmp_path / name), str(workers), str(seconds_a_step)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    whole = start("whole", 0, 0)
    for workers, at in ((1, int(np.random.default_rng().integers(1, 5))), (4, 6)):
        killed = start("killed", workers, 0.2)
        for line in killed.stdout:
            if line.startswith(f"{at} epoch"):
                time.sleep(float(np.random.default_rng().uniform(0, 0.3)))  # between two steps, or in one
                break
        killed.send_signal(signal.SIGKILL)
        killed.stdout.close()
        assert killed.wait() == -signal.SIGKILL
        assert not (tmp_path / "killed").exists()
    resumed = start("killed", 2, 0)
    first_step = int(resumed.stdout.readline().split()[0])
    assert first_step > 6
    resumed.communicate()
    whole.communicate()
    assert (resumed.returncode, whole.returncode) == (0, 0)
    names = "model.safetensors", "scores.parquet", "card.json"
    assert [file_sha256(tmp_path / "killed" / n) for n in names] == [file_sha256(tmp_path / "whole" / n) for n in names]
    assert json.loads((tmp_path / "killed" / "card.json").read_text())["findings"] == ["Mass"]
    assert sorted(Path(tmp_path).iterdir()) == [tmp_path / "killed", tmp_path / "whole"]


@pytest.mark.parametrize("unfreeze", [0, 1])
def test_head_and_pooling_are_trained_and_come_back_from_disk(store, images, tmp_path, unfreeze):
    settings = replace(
        SETTINGS,
        epochs=1,
        unfreeze=unfreeze,
        augmentation="none",
        head="mlp",
        pooling="attention",
        optimizer="adamw",
        lr=1e-3,
    )
    out = run(store, images, tmp_path / "out", settings=settings, scored=(40, 44))
    classifier, card = load_classifier(out)
    assert (card.settings["head"], card.settings["pooling"]) == ("mlp", "attention")
    untrained = Classifier(create_encoder("small_convnet", seed=5), 2, size=32, seed=5, head="mlp", pooling="attention")
    for part in ("head", "pooling"):
        start = getattr(untrained, part).state_dict()
        for key, value in getattr(classifier, part).state_dict().items():
            if key in ("query", "key.weight"):  # at 32 px there is one place to look at, and nothing to choose
                continue
            assert not torch.equal(value, start[key]), f"{part}.{key}"
    with torch.no_grad():
        logits = classifier(plain_view(torch.from_numpy(store.pixels[40:44]).unsqueeze(1), 32))
    scores = pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy()
    np.testing.assert_allclose(scores, logits.sigmoid().numpy(), atol=1e-5)


def test_a_frozen_encoder_with_a_head_of_two_layers_trains_on_features_computed_once(
    store, images, tmp_path, monkeypatch
):
    looked = []
    original = Classifier.features
    monkeypatch.setattr(Classifier, "features", lambda self, views: looked.append(len(views)) or original(self, views))
    settings = replace(SETTINGS, epochs=3, unfreeze=0, augmentation="none", head="two_layers", pooling="mean")
    run(store, images, tmp_path / "out", settings=settings, scored=(40, 44))
    assert sum(looked) == 28 + 12 + 4


def multiclass(images):
    def some(first, last):
        chosen = images(first, last)
        positive = np.nan_to_num(chosen.targets[:, :1])
        return replace(chosen, targets=np.concatenate([positive, 1 - positive], axis=1))

    return some


def test_probabilities_of_exclusive_classes_add_up_to_one_and_the_card_says_how_to_read_them(store, images, tmp_path):
    out = run(
        store, multiclass(images), tmp_path / "out", settings=replace(SETTINGS, output_type="multiclass"), encoder=SMALL
    )
    scores = pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy()
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
    classifier, card = load_classifier(out)
    assert card.settings["output_type"] == "multiclass"
    assert card.settings["positive_weights"] == pytest.approx({"Cardiomegaly": 1.0, "Pneumothorax": 1.0})
    with torch.no_grad():
        logits = classifier(plain_view(torch.from_numpy(store.pixels[40:60]).unsqueeze(1), 32))
    np.testing.assert_allclose(scores, logits.softmax(1).numpy(), atol=1e-5)


def test_images_of_several_classes_are_refused_where_classes_exclude_each_other(store, images, tmp_path):
    with pytest.raises(HilumError, match="14 images with none or several"):
        run(store, images, tmp_path / "out", settings=replace(SETTINGS, output_type="multiclass"))
    assert not (tmp_path / "out").exists()


def selected_epoch(out):
    return pl.read_parquet(out / "curves.parquet").filter("selected")["epoch"].to_list()


def test_the_epoch_that_is_kept_is_the_one_asked_for(store, images, tmp_path):
    """Weights of the last epoch, of the lowest loss, and of the highest AUROC, which need not be the same."""
    settings = replace(SETTINGS, epochs=3, lr=0.1, augmentation="none")
    outs = {
        keep: run(store, images, tmp_path / keep, settings=replace(settings, keep=keep), encoder=SMALL)
        for keep in ("lowest", "last", "best_auroc")
    }
    curves = pl.read_parquet(outs["best_auroc"] / "curves.parquet")
    assert selected_epoch(outs["last"]) == [3]
    assert selected_epoch(outs["lowest"]) == [1 + int(np.argmin(curves["val_loss"]))]
    assert selected_epoch(outs["best_auroc"]) == [1 + int(np.argmax(curves["val_auroc"]))]
    val = images(28, 40)
    for keep, out in outs.items():
        classifier, _ = load_classifier(out)
        pixels = torch.from_numpy(store.pixels[28:40]).unsqueeze(1)
        with torch.no_grad():
            scores = classifier(plain_view(pixels, 32))
        row = curves.filter(pl.col("epoch") == selected_epoch(out)[0]).row(0, named=True)
        assert mean_auroc(scores.numpy(), val.targets) == pytest.approx(row["val_auroc"], abs=1e-6), keep


def test_a_run_validated_often_and_at_its_end_alone_ends_with_the_same_last_weights(store, images, tmp_path):
    once = run(store, images, tmp_path / "once", settings=replace(SETTINGS, epochs=2, validations=1), encoder=SMALL)
    often = run(
        store,
        images,
        tmp_path / "often",
        settings=replace(SETTINGS, epochs=2, validations=4, keep="last"),
        encoder=SMALL,
    )
    assert bits(once)["model.safetensors"] == bits(often)["model.safetensors"]
    assert bits(once)["scores.parquet"] == bits(often)["scores.parquet"]


def test_twelve_steps_at_the_preset_rate_get_a_sign(store, images, tmp_path):
    """A run that is validated once cannot know whether its loss was still falling."""
    settings = replace(
        resolve_finetuning({"steps": 12, "augmentation": "none", "batch_size": 28}, 28).settings,
        precision="fp32",
        device="cpu",
    )
    assert (settings.keep, settings.lr) == ("last", 1e-3)
    learning = read_learning(run(store, images, tmp_path / "out", settings=settings, encoder="resnet18"))
    assert learning.steps == 12
    assert learning.signs


def test_an_averaged_run_scores_by_the_average(store, images, tmp_path):
    once = replace(SETTINGS, epochs=1, keep="last")
    plain = run(store, images, tmp_path / "plain", settings=once, encoder="toh2023_xvt")
    averaged = run(store, images, tmp_path / "ema", settings=replace(once, ema=0.99), encoder="toh2023_xvt")
    at_once = run(store, images, tmp_path / "fast", settings=replace(once, ema=1e-9), encoder="toh2023_xvt")
    first, other, same = (
        pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy() for out in (plain, averaged, at_once)
    )
    np.testing.assert_allclose(first, same, atol=1e-5)  # an average of the last step alone
    assert np.abs(first - other).max() > 1e-3
    frozen = replace(once, ema=0.9, unfreeze=0, augmentation="none")
    on_features = run(store, images, tmp_path / "head", settings=frozen, encoder="toh2023_xvt")
    classifier, _ = load_classifier(on_features)
    with torch.no_grad():
        logits = classifier(plain_view(torch.from_numpy(store.pixels[40:60]).unsqueeze(1), 32))
    scores = pl.read_parquet(on_features / "scores.parquet").drop("pixels").to_numpy()
    np.testing.assert_allclose(scores, logits.sigmoid().numpy(), atol=1e-5)


@pytest.mark.parametrize("tta", ["flip", "ten_crop"])
def test_scores_are_the_mean_over_the_views_of_test_time(store, images, tmp_path, tta):
    out = run(store, images, tmp_path / "out", settings=replace(SETTINGS, epochs=1, tta=tta), encoder=SMALL)
    classifier, card = load_classifier(out)
    pixels = torch.from_numpy(store.pixels[40:60]).unsqueeze(1)
    with torch.no_grad():
        views = [classifier(view).sigmoid() for view in views_to_average(pixels, 32, tta)]
    assert len(views) == {"flip": 2, "ten_crop": 10}[tta]
    scores = pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy()
    np.testing.assert_allclose(scores, torch.stack(views).mean(0).numpy(), atol=1e-5)
    assert card.settings["tta"] == tta


def test_a_resampled_run_visits_the_stated_images_and_weighs_what_it_visits(store, images, tmp_path):
    """Of 28 images 4 are of the second class: weight 28 / 8 = 3.5, so 24; of the first 24, weight 0.58, half: 12."""

    def one_class(first, last):
        found = images(first, last)
        rare = (np.arange(first, last) % 7 == 0).astype(np.float32)
        return replace(found, targets=np.stack([1 - rare, rare], axis=1))

    rule = Resampling(above=2, below=0.6, keep=0.5)
    settings = replace(SETTINGS, output_type="multiclass", resample=rule, drop_last=False)
    for name, own in (("views", {}), ("features", {"unfreeze": 0, "augmentation": "none"})):
        out = run(store, one_class, tmp_path / name, settings=replace(settings, **own), encoder=SMALL)
        curves = pl.read_parquet(out / "curves.parquet")
        assert curves["step"].to_list() == [5, 10]  # 36 visits by 8
        card = read_card(out)
        assert card.n_training_images == 28
        assert card.settings["positive_weights"] == pytest.approx({"Cardiomegaly": 36 / 24, "Pneumothorax": 36 / 48})


@pytest.mark.parametrize("head", ["own", "attention"])
def test_other_heads_are_trained_written_and_read(store, images, tmp_path, head):
    settings = replace(SETTINGS, head=head, epochs=1)
    out = finetune(
        "random", "toh2023_xvt", store, images(0, 28), images(28, 40), ["film40", "film41"], FINDINGS,
        settings=settings, seed=5, directory=tmp_path / "out",
    )  # fmt: skip
    classifier, _ = load_classifier(out)
    with torch.no_grad():
        logits = classifier(plain_view(torch.from_numpy(store.pixels[40:42]).unsqueeze(1), 32))
    scores = pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy()
    np.testing.assert_allclose(scores, logits.sigmoid().numpy(), atol=1e-5)
