"""Lockstep against alone: every trial against `finetune` with the same settings, on its own."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from hilum.data.resampling import Resampling
from hilum.encoders.probe import mean_auroc
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError
from hilum.finetuning.finetune import finetune
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import GRIDS, TrialResult, TrialResults, lockstep_bytes, read_trials, refit, train_trials

FINDINGS = ["Cardiomegaly", "Pneumothorax"]
SEED = 5
TRAIN, VAL, TEST = (0, 40), (40, 52), (52, 60)
BASE = FinetuneSettings(
    epochs=6,
    batch_size=8,
    lr=1e-3,
    weight_decay=1e-2,
    patience=None,
    augmentation="none",
    unfreeze=0,
    precision="fp32",
    device="cpu",
    workers=0,
)
"""Of 40 images: 5 steps an epoch, 30 in all."""
CLOSE = 1e-5
SMALL = "small_convnet"
"""With dropout and batch norm inside its blocks."""


def together(store, images, where, trials, *, encoder=SMALL, **options):
    return train_trials(
        store, images(*TRAIN), images(*VAL), trials,
        init="random", encoder_name=encoder, findings=FINDINGS, seed=SEED, directory=where, **options,
    )  # fmt: skip


@pytest.fixture
def classes(images):
    """Labelled images of one of two classes each: a quarter of the images is of the second."""

    def some(first, last):
        found = images(first, last)
        rare = (np.arange(first, last) % 4 == 0).astype(np.float32)
        return replace(found, targets=np.stack([1 - rare, rare], axis=1))

    return some


def alone(store, images, where, settings, *, encoder=SMALL):
    """Curves, and scores of the validation images, of `finetune`."""
    val = images(*VAL)
    out = finetune(
        "random", encoder, store, images(*TRAIN), val, val.image_ids, FINDINGS,
        settings=settings, seed=SEED, directory=where,
    )  # fmt: skip
    scores = pl.read_parquet(out / "scores.parquet").drop("pixels").to_numpy()
    return pl.read_parquet(out / "curves.parquet"), scores


def assert_each_is_as_alone(store, images, tmp_path, trials, *, encoder=SMALL, **options):
    results = together(store, images, tmp_path / "trials", trials, encoder=encoder, **options)
    targets = images(*VAL).targets
    for trial, settings in enumerate(trials):
        curves, scores = alone(store, images, tmp_path / f"alone{trial}", settings, encoder=encoder)
        own = results.curves.filter(trial=trial)
        for column in ("epoch", "step"):
            assert own[column].to_list() == curves[column].to_list()
        for column in ("train_loss", "val_loss", "lr"):
            np.testing.assert_allclose(own[column], curves[column], rtol=0, atol=CLOSE, err_msg=f"{trial} {column}")
        result = results.trials[trial]
        assert result.settings == settings
        assert result.best_epoch == 1 + int(np.argmin(curves["val_loss"]))
        assert result.validation_loss == pytest.approx(curves["val_loss"].min(), abs=CLOSE)
        np.testing.assert_allclose(results.scores()[trial], scores, rtol=0, atol=CLOSE, err_msg=str(trial))
        assert result.auroc == pytest.approx(mean_auroc(scores, targets), abs=1e-6)
    return results


DIFFERENT = [
    {},
    {"lr": 1e-2, "dropout": 0.4},
    {"lr": 1e-4, "weight_decay": 0.0, "dropout": 0.2},
    {"lr": 3e-3, "dropout": 0.2, "schedule": "constant", "warmup_epochs": 1.5},
    {"lr": 3e-2, "patience": 1, "dropout": 0.4, "schedule": "plateau"},
    {"head_lr": 5e-3, "epochs": 4, "optimizer": "sgd"},
    {"lr": 1e-2, "patience": 2, "optimizer": "adam", "weight_decay": 1e-1},
]


@pytest.mark.parametrize(
    "head", ["linear", *(pytest.param(head, marks=pytest.mark.slow) for head in ("mlp", "two_layers"))]
)
def test_heads_trained_at_once_are_the_heads_trained_alone(store, images, tmp_path, head):
    trials = [replace(BASE, head=head, **own) for own in DIFFERENT]
    if head == "two_layers":
        # Adam divides by gradients: one of 6e-9, known to a tenth in float32, moves its weight by 3e-2, and three
        # layers make 1e-3 of that within an epoch.
        trials[4] = replace(BASE, head=head, lr=1e-2, dropout=0.4, patience=1)
    results = assert_each_is_as_alone(store, images, tmp_path, trials, encoder="toh2023_xvt")
    ended = [trial.status for trial in results.trials]
    assert ended[0] == ended[5] == "finished"
    assert results.trials[5].epochs == 4
    assert head == "two_layers" or ended[4] == "stopped_early"  # that one has no epoch of a higher loss
    assert results.curves.filter(epoch=1)["train_loss"].round(6).n_unique() >= 6


@pytest.mark.parametrize("output_type", ["multilabel_u_multiclass", pytest.param("multilabel", marks=pytest.mark.slow)])
def test_heads_of_augmented_images_share_views_and_features(store, images, tmp_path, output_type):
    trials = [
        replace(BASE, epochs=3, augmentation="finetune", output_type=output_type, head="mlp", **own)
        for own in DIFFERENT[:3]
    ]
    assert_each_is_as_alone(store, images, tmp_path, trials)


def test_trials_that_keep_their_last_epoch_and_are_validated_seldom_are_the_trials_alone(store, images, tmp_path):
    trials = [
        replace(BASE, epochs=6, validations=2, keep="last", lr=3e-2),
        replace(BASE, epochs=6, validations=3, lr=3e-2, unfreeze=1, layer_decay=0.5),
        replace(BASE, epochs=6, keep="last", schedule="plateau", plateau_patience=0, stop_below_lr=1e-3, lr=0.3),
    ]
    results = together(store, images, tmp_path / "trials", trials)
    for trial, settings in enumerate(trials):
        curves, scores = alone(store, images, tmp_path / f"alone{trial}", settings)
        own = results.curves.filter(trial=trial)
        assert own["val_loss"].is_null().to_list() == curves["val_loss"].is_null().to_list()
        np.testing.assert_allclose(results.scores()[trial], scores, rtol=0, atol=CLOSE)
        selected = curves.filter("selected").row(0, named=True)
        assert results.trials[trial].best_epoch == selected["epoch"]
        assert results.trials[trial].validation_loss == pytest.approx(selected["val_loss"], abs=CLOSE)
    assert results.trials[0].best_epoch == 6


EXCLUSIVE = replace(
    BASE,
    epochs=2,
    output_type="multiclass",
    reduction="weighted_mean",
    resample=Resampling(above=1.5, below=0.8, keep=0.5),
)


@pytest.mark.parametrize(
    "own",
    [
        {"focal": 2.0},
        *(
            pytest.param(own, marks=pytest.mark.slow)
            for own in ({"label_smoothing": 0.1, "drop_last": True}, {"augmentation": "finetune"})
        ),
    ],
)
def test_resampled_images_and_other_losses_are_shared_as_alone(store, classes, tmp_path, own):
    trials = [replace(EXCLUSIVE, **own, **each) for each in ({"head": "mlp"}, {"lr": 1e-2, "unfreeze": 1})]
    assert_each_is_as_alone(store, classes, tmp_path, trials)


UNFROZEN = [
    {"unfreeze": 0, "lr": 1e-3, "dropout": 0.2},
    {"unfreeze": 1, "lr": 1e-4},
    {"unfreeze": 1, "lr": 3e-5, "head_lr": 1e-3, "weight_decay": 0.1, "dropout": 0.4},
    {"unfreeze": 2, "lr": 1e-4, "head": "mlp", "patience": 1, "optimizer": "adam"},
    {"unfreeze": 2, "lr": 1e-3, "optimizer": "sgd", "schedule": "plateau", "epochs": 2},
]


@pytest.mark.parametrize(
    "encoder",
    ["toh2023_xvt", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "vit_tiny_patch16_224"))],
)
def test_trials_behind_a_shared_frozen_front_are_the_trials_alone(store, images, tmp_path, encoder):
    trials = [replace(BASE, **{"epochs": 2, "augmentation": "finetune"} | own) for own in UNFROZEN]
    assert_each_is_as_alone(store, images, tmp_path, trials, encoder=encoder)


@pytest.mark.parametrize("pooling", [pytest.param("own", marks=pytest.mark.slow), "gem"])
def test_trials_that_share_their_views_only_or_learn_to_pool_are_the_trials_alone(store, images, tmp_path, pooling):
    trials = [replace(BASE, epochs=2, pooling=pooling, **own) for own in ({"unfreeze": "all", "lr": 1e-4}, {})]
    assert_each_is_as_alone(store, images, tmp_path, trials)


def test_one_trial_alone_and_among_many_and_in_rounds_is_the_same(store, images, tmp_path):
    trials = [replace(BASE, **{"epochs": 3, "head": "mlp", **own}) for own in DIFFERENT]
    many = together(store, images, tmp_path / "many", trials)
    one = together(store, images, tmp_path / "one", trials[1:2])
    need = [
        lockstep_bytes(trials[:count], SMALL, findings=2, size=32, images=(40, 12)).total for count in (2, len(trials))
    ]
    rounds = together(store, images, tmp_path / "rounds", trials, memory=sum(need) // 2)
    assert len(list((tmp_path / "rounds").glob("round-*"))) > 1
    for other, place in ((one, [1]), (rounds, range(len(trials)))):
        np.testing.assert_allclose(other.scores(), many.scores()[list(place)], rtol=0, atol=CLOSE)
    assert [trial.best_epoch for trial in rounds.trials] == [trial.best_epoch for trial in many.trials]


@pytest.mark.parametrize("own", [pytest.param({"head": "mlp"}, marks=pytest.mark.slow), {"unfreeze": 1}])
def test_a_trial_that_diverges_ends_with_a_record_and_the_others_go_on(store, images, tmp_path, own):
    steady = replace(BASE, epochs=3, optimizer="sgd", lr=1e-3, **own)
    wild = replace(steady, lr=1e30)
    results = together(store, images, tmp_path / "trials", [steady, wild, replace(steady, lr=1e-2)])
    assert [trial.status for trial in results.trials] == ["finished", "diverged", "finished"]
    epoch, step = results.trials[1].ended_at
    with pytest.raises(HilumError, match=f"epoch {epoch}, step {step} of 5: expected a finite training loss"):
        alone(store, images, tmp_path / "alone", wild)
    assert results.best().trial != 1
    np.testing.assert_allclose(
        results.scores()[2], alone(store, images, tmp_path / "third", replace(steady, lr=1e-2))[1], rtol=0, atol=CLOSE
    )
    only_wild = replace(results, trials=[results.trials[1]])
    with pytest.raises(HilumError, match="expected one that did not diverge; found 1 that did"):
        only_wild.best()


class Killed(Exception):
    pass


@pytest.mark.parametrize("unfreeze", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_killed_at_any_step_trials_end_with_the_same_bits(store, images, tmp_path, unfreeze):
    trials = [
        replace(BASE, **{"epochs": 3, "checkpoint_every_seconds": 0, "unfreeze": unfreeze, **own})
        for own in ({"dropout": 0.2}, {"lr": 1e-2, "patience": 1, "schedule": "plateau"}, {"epochs": 2}, {"lr": 1e30, "optimizer": "sgd"})
    ]  # fmt: skip
    whole = together(store, images, tmp_path / "whole", trials)
    for at in (2, 13):

        def kill(done, total, note, at=at):
            if note.startswith("epoch") and done == at:
                raise Killed

        with pytest.raises(Killed):
            together(store, images, tmp_path / "killed", trials, on_progress=kill)
        assert not (tmp_path / "killed").exists()
    steps = []
    killed = together(
        store, images, tmp_path / "killed", trials,
        on_progress=lambda done, _, note: steps.append(done) if note.startswith("epoch") else None,
    )  # fmt: skip
    assert steps[0] == 14
    assert killed.trials == whole.trials
    assert killed.curves.equals(whole.curves)
    np.testing.assert_array_equal(killed.scores(), whole.scores())


def test_frozen_blocks_keep_weights_and_statistics_and_no_trial_moves_those_of_another(store, images, tmp_path):
    from hilum.finetuning.data_loader import BatchLoader
    from hilum.finetuning.trials import classifier_of, train_in_lockstep

    start = create_encoder("resnet18", seed=3)
    before = {key: value.clone() for key, value in start.state_dict().items()}
    loader = BatchLoader(store, 32, 8, seed=SEED, workers=0, device=torch.device("cpu"), precision="fp32")
    trials = [replace(BASE, epochs=1, augmentation="finetune", unfreeze=k, lr=1e-2) for k in (0, 1, 2, 1)]
    members, _ = train_in_lockstep(
        start, list(enumerate(trials)), images(*TRAIN), images(*VAL), loader=loader, directory=tmp_path
    )
    assert all(torch.equal(value, before[key]) for key, value in start.state_dict().items())
    moved = []
    for member in members:
        state = classifier_of(member).encoder.body.state_dict()
        moved.append(
            {key.split(".")[0] for key, value in state.items() if not torch.equal(value, before[f"body.{key}"])}
        )
    assert moved == [set(), {"layer4"}, {"layer3", "layer4"}, {"layer4"}]
    frozen = [
        dict(classifier_of(member).encoder.body.named_parameters())["layer1.0.conv1.weight"] for member in members
    ]
    assert len({id(parameter) for parameter in frozen}) == 1


def test_memory_is_what_the_tensors_of_a_run_take(store, images, tmp_path):
    """Weights, their best values and the optimiser's numbers, counted in a run, are what was computed before it."""
    from hilum.finetuning.data_loader import BatchLoader
    from hilum.finetuning.trials import lockstep_memory
    from hilum.finetuning.trials.lockstep import _Lockstep

    trials = [replace(BASE, epochs=1, head="mlp"), replace(BASE, epochs=1, unfreeze=2), replace(BASE, epochs=1, unfreeze=1, optimizer="sgd")]  # fmt: skip
    loader = BatchLoader(store, 32, 8, seed=SEED, workers=0, device=torch.device("cpu"), precision="fp32")
    run = _Lockstep(create_encoder(SMALL, seed=3), list(enumerate(trials)), images(*TRAIN), images(*VAL), loader, tmp_path, lambda *_: None)  # fmt: skip
    run.cache_features()
    run.resume()
    batch = next(iter(run.batches))
    run.take(batch)
    optimizers = {**{member.trial: stack.optimizer for stack in run.stacks for member in stack.members},
                  **{trial: stepper.optimizer for trial, stepper in run.steppers.items()}}  # fmt: skip
    computed = lockstep_bytes(trials, SMALL, findings=2, size=32, images=(40, 12))
    for member, expected in zip(run.members, computed.members, strict=True):
        member.keep()
        numbers = sum(each.numel() for each in member.parameters)
        numbers += sum(value.numel() for value in member.best.values())
        numbers += sum(
            value.numel() for parameter in member.parameters for key, value in optimizers[member.trial].state[parameter].items() if key != "step"
        )  # fmt: skip
        assert 4 * numbers <= expected
        if member.trial:
            assert 4 * numbers > 0.99 * expected
    saved = {}
    member = run.members[1]
    member.trainable.train()
    run.cut(training=True)
    run.shared.train(batch, 0)
    weights = {each.untyped_storage().data_ptr() for each in member.trainable.parameters()}

    def look(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(look, lambda tensor: tensor):
        member.trainable.training_loss(batch, 0)
    activations = sum(size for key, size in saved.items() if key not in weights)
    turn = activations + 4 * sum(each.numel() for each in member.parameters)
    assert turn == pytest.approx(computed.turn, rel=0.02)
    with pytest.raises(HilumError, match=r"memory: expected .* GB for one trial; found 0.0 GB"):
        lockstep_memory.chunks_that_fit(
            list(enumerate(trials)), SMALL, findings=2, size=32, images=(40, 12), memory=1000
        )


def test_the_best_trial_is_chosen_by_validation_and_refitted_by_finetune(store, images, tmp_path):
    trials = [replace(BASE, epochs=2, lr=lr) for lr in (1e-5, 1e-2, 1e-3)]
    results = together(store, images, tmp_path / "trials", trials)
    losses = [trial.validation_loss for trial in results.trials]
    assert results.best().trial == int(np.argmin(losses))
    assert results.best("auroc").trial == int(np.argmax([trial.auroc for trial in results.trials]))
    again = read_trials(tmp_path / "trials", trials)
    assert (again.trials, again.curves.equals(results.curves)) == (results.trials, True)
    out = refit(
        results, store, images(*TRAIN), images(*VAL), images(*TEST).image_ids, init="random", encoder_name=SMALL,
        findings=FINDINGS, seed=SEED, directory=tmp_path / "winner",
    )  # fmt: skip
    assert pl.read_parquet(out / "curves.parquet")["val_loss"].min() == pytest.approx(min(losses), abs=CLOSE)
    mixed = [replace(trials[0], class_weights="none"), trials[1]]
    results = TrialResults(
        [TrialResult(n, settings, "finished", 1, 1, 0.5, 0.5 + n / 10, None) for n, settings in enumerate(mixed)],
        results.curves, tmp_path,
    )  # fmt: skip
    with pytest.raises(HilumError, match="expected losses of one kind"):
        results.best()
    assert results.best("auroc").trial == 1


def test_all_that_is_wrong_with_any_trial_is_reported_at_once_and_nothing_is_written(store, images, tmp_path):
    trials = [replace(BASE, ema=0.9), BASE, replace(BASE, unfreeze=9), replace(BASE, augmentation="wild")]
    with pytest.raises(HilumError) as message:
        together(store, images, tmp_path / "trials", trials)
    for words in (
        "3 problems",
        "trial 0: finetune.ema: expected none in lockstep",
        "trial 2: unfreeze",
        "trial 3: finetune.augmentation",
    ):
        assert words in str(message.value)
    assert list(tmp_path.iterdir()) == []


def test_the_grids_of_papers_have_their_sizes_and_values():
    grid = GRIDS["elwirehardja2025"](replace(BASE, head="mlp", unfreeze=3))
    assert len(set(grid)) == 90
    assert {settings.unfreeze for settings in grid} == {3}
    assert {settings.weight_decay for settings in grid} == {0.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5}
    probe = GRIDS["dinov2_linear"](replace(BASE, batch_size=1024))
    assert len(set(probe)) == 52
    assert max(settings.lr for settings in probe) == pytest.approx(0.4)
    assert {settings.weight_decay for settings in probe} == {0.0}
