"""Sweeps: what is tried, what is chosen, and that neither a kill nor pruning changes a trial."""

import json
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import numpy as np
import optuna
import polars as pl
import pytest

from hilum.draws import image_keys, uniforms
from hilum.errors import TrainingFailedError
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import (
    Choices,
    Halving,
    Range,
    Search,
    TrialResult,
    grid_of,
    importance_of,
    read_selected,
    run_search,
    size_of,
    train_trials,
)
from hilum.finetuning.trials.optuna_study import propose

FINDINGS = ["Cardiomegaly", "Pneumothorax"]
SEED = 5
TRAIN, VAL = (0, 40), (40, 52)
BASE = FinetuneSettings(
    epochs=9,
    batch_size=8,
    lr=1e-3,
    patience=None,
    augmentation="none",
    unfreeze=0,
    precision="fp32",
    device="cpu",
    workers=0,
)
SPACE = {"lr": Choices((1e-1, 1e-2, 1e-3, 1e-5)), "dropout": Choices((0.0, 0.4))}
SMALL = "small_convnet"


def settings_of(sample):
    return replace(BASE, **sample)


def searched(store, images, where, how, space=SPACE, **options):
    return run_search(
        space, settings_of, how, store, images(*TRAIN), images(*VAL),
        init="random", encoder_name=SMALL, findings=FINDINGS, seed=SEED, directory=where, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(store, tmp_path_factory):
    """The whole grid, trained as `train_trials` does."""
    from hilum.data.labelled_images import LabelledImages

    def images(first, last):
        numbers = np.arange(first, last)
        targets = np.stack([numbers % 2 == 0, numbers % 3 == 0], axis=1).astype(np.float32)
        targets[numbers % 7 == 0, 1] = np.nan
        return LabelledImages([f"film{n:02d}" for n in numbers], [f"patient{n // 2}" for n in numbers], targets)

    return train_trials(
        store, images(*TRAIN), images(*VAL), [settings_of(sample) for sample in grid_of(SPACE)],
        init="random", encoder_name=SMALL, findings=FINDINGS, seed=SEED, directory=tmp_path_factory.mktemp("w") / "grid",
    )  # fmt: skip


def test_a_grid_is_every_sample_and_its_best_is_chosen(store, images, tmp_path, whole):
    out = searched(store, images, tmp_path / "sweep", Search("grid"), best_per=["dropout"])
    table, selected = pl.read_parquet(out / "trials.parquet"), read_selected(out)
    assert [json.loads(each) for each in table["settings"]] == list(grid_of(SPACE))
    assert table["val_loss"].to_list() == [trial.validation_loss for trial in whole.trials]
    assert selected["trial"] == whole.best().trial
    assert selected["settings"] == list(grid_of(SPACE))[whole.best().trial]
    assert (selected["tried"], selected["complete"], selected["steps"]) == (8, 8, 8 * 45)
    assert selected["reads"] == "validation"
    for row in selected["best_per"]:
        of_value = [t.validation_loss for t in whole.trials if t.settings.dropout == row["settings"]["dropout"]]
        assert row["val_loss"] == min(of_value)
    assert len(selected["best_per"]) == 2
    assert all(min(curve) == loss for curve, loss in table.select("curve", "val_loss").iter_rows())
    stored = optuna.load_study(study_name="sweep", storage=f"sqlite:///{out}/optuna.db")
    assert [trial.value for trial in stored.trials] == table["val_loss"].to_list()
    stored._storage.remove_session()
    stored._storage._backend.engine.dispose()


def test_a_trial_that_is_never_pruned_is_the_trial_of_the_grid(store, images, tmp_path, whole):
    out = searched(store, images, tmp_path / "halving", Search("halving"))
    table, curves = pl.read_parquet(out / "trials.parquet"), pl.read_parquet(out / "trial_curves.parquet")
    # 8 trials and 9 epochs: one pause, behind epoch 3, from which 2 go on
    assert sorted(table["epochs"]) == [3] * 6 + [9] * 2
    assert table.filter(pl.col("epochs") == 3)["state"].to_list() == ["pruned"] * 6
    at_pause = [min(whole.curves.filter(trial=n, epoch=e)["val_loss"].item() for e in (1, 2, 3)) for n in range(8)]
    assert set(table.filter(state="complete")["trial"]) == set(np.argsort(at_pause)[:2].tolist())
    for (trial,), own in curves.group_by("trial"):
        alone = whole.curves.filter(trial=trial).head(len(own))
        np.testing.assert_allclose(own["val_loss"], alone["val_loss"], rtol=0, atol=1e-5)
    assert read_selected(out)["steps"] == 6 * 15 + 2 * 45


def test_halving_prunes_trials_that_are_validated_at_the_end_only_and_leaves_them_as_they_are(store, images, tmp_path):
    late = {
        "validations": Choices((1,)),
        "lr": Choices((1e-2, 1e-3, 1e-5)),
        "unfreeze": Choices((0, 1)),
        "epochs": Choices((3,)),
    }
    halved = searched(store, images, tmp_path / "halving", Search("halving"), late)
    grid = searched(store, images, tmp_path / "grid", Search("grid"), late)
    few, every = (pl.read_parquet(each / "trials.parquet") for each in (halved, grid))
    assert few["state"].to_list().count("pruned") == 4
    for trial, loss in few.filter(state="complete").select("trial", "val_loss").iter_rows():
        assert loss == pytest.approx(every["val_loss"][trial], abs=1e-5)
    assert few.filter(state="pruned")["val_loss"].is_finite().all()
    assert few.filter(state="pruned")["val_auroc"].is_between(0, 1).all()


def test_trials_that_diverge_end_as_such_and_where_all_do_the_sweep_says_so(store, images, tmp_path):
    wild = {"lr": Choices((1e30, 1e-3, 1e-4)), "optimizer": Choices(("sgd",))}
    out = searched(store, images, tmp_path / "some", Search("halving"), wild)
    table = pl.read_parquet(out / "trials.parquet")
    assert table["state"][0] == "diverged"
    assert read_selected(out)["settings"]["lr"] < 1
    assert read_selected(out)["diverged"] == 1
    with pytest.raises(TrainingFailedError, match=r"all trials of the sweep \(1\)"):
        searched(
            store, images, tmp_path / "all", Search("grid"), {"lr": Choices((1e30,)), "optimizer": Choices(("sgd",))}
        )
    assert not (tmp_path / "all").exists()


class Killed(Exception):
    pass


@pytest.mark.parametrize("kind", ["halving", pytest.param("tpe", marks=pytest.mark.slow)])
def test_interrupted_at_any_step_a_sweep_ends_with_the_same_bits(store, images, tmp_path, kind):
    how = Search(kind, None if kind == "halving" else 11, seed=3)
    space = {**SPACE, "checkpoint_every_seconds": Choices((0,))}
    if kind == "tpe":
        space |= {"lr": Range(1e-5, 1e-1, log=True), "epochs": Choices((3,))}
    undisturbed = searched(store, images, tmp_path / "whole", how, space)
    moments = (2, 17, 9)

    def interrupting(at):
        count = [0]

        def report(done, total, note):
            count[0] += note.startswith("epoch")
            if count[0] == at:
                raise Killed

        return report

    for at in moments:
        with pytest.raises(Killed):
            searched(store, images, tmp_path / "killed", how, space, on_progress=interrupting(at))
    out = searched(store, images, tmp_path / "killed", how, space)
    assert_same(out, undisturbed)


def assert_same(out, undisturbed):
    assert (out / "selected.json").read_bytes() == (undisturbed / "selected.json").read_bytes()
    ours, theirs = (pl.read_parquet(each / "trials.parquet").drop("seconds") for each in (out, undisturbed))
    assert ours.equals(theirs)
    for path in [*sorted(undisturbed.glob("batch-*/trials/*.npy")), undisturbed / "trial_curves.parquet"]:
        assert path.read_bytes() == (out / path.relative_to(undisturbed)).read_bytes()


PROGRAM = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np, polars as pl
from hilum.data.labelled_images import LabelledImages
from hilum.data.preprocess import parse_recipe
from hilum.data.store import Store
from hilum.finetuning.settings import FinetuneSettings
from hilum.finetuning.trials import Choices, Search, run_search
pixels = np.random.default_rng(0).integers(0, 255, (120, 32, 32), dtype=np.uint8)
ids = [f"i{n}" for n in range(120)]
store = Store(Path("nowhere"), pixels, ids, pl.DataFrame(schema={"image_id": pl.String, "path": pl.String, "reason": pl.String}), parse_recipe([{"resize": 32}]))
def images(first, last):
    numbers = np.arange(first, last)
    return LabelledImages(ids[first:last], ids[first:last], np.stack([numbers % 2 == 0, numbers % 3 == 0], 1).astype(np.float32))
base = FinetuneSettings(epochs=9, batch_size=8, patience=None, augmentation="none", precision="fp32", device="cpu", workers=0, checkpoint_every_seconds=0.05)
space = {"unfreeze": Choices((0, 1)), "lr": Choices((1e-2, 1e-3, 1e-4)), "dropout": Choices((0.0, 0.4))}
Path(sys.argv[1]).parent.joinpath("begun").touch()
run_search(space, lambda s: replace(base, **s), Search("halving"), store, images(0, 90), images(90, 120),
           init="random", encoder_name="toh2023_xvt", findings=["A", "B"], seed=1, directory=Path(sys.argv[1]))
"""


def killed_at_random_moments(tmp_path, kills):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    whole = tmp_path / "whole" / "sweep"
    whole.parent.mkdir()
    began = time.monotonic()
    subprocess.run([sys.executable, program, whole], check=True)
    took = time.monotonic() - began
    out = tmp_path / "killed" / "sweep"
    out.parent.mkdir()
    landed = 0
    for moment in uniforms(0, image_keys(["moments of a sweep"]), kills)[0] * took:
        if out.exists():
            break
        (out.parent / "begun").unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, program, out])
        while not (out.parent / "begun").exists():
            time.sleep(0.02)
        time.sleep(moment * 0.6)
        landed += process.poll() is None
        process.kill()
        process.wait()
    if not out.exists():
        subprocess.run([sys.executable, program, out], check=True)
    assert landed >= 2
    assert_same(out, whole)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [5, 20])
def test_a_sweep_killed_at_random_moments_ends_with_the_same_winner_and_bits(tmp_path, kills):
    killed_at_random_moments(tmp_path, kills)


def test_a_search_draws_distinct_samples_by_its_seed():
    space = {"lr": Range(1e-5, 1e-1, log=True), "dropout": Choices((0.0, 0.2)), "batch_size": Range(8, 64, whole=True)}
    drawn = propose(space, "random", 40, seed=1)
    assert drawn == propose(space, "random", 40, seed=1) != propose(space, "random", 40, seed=2)
    assert all(1e-5 <= each["lr"] <= 1e-1 and isinstance(each["batch_size"], int) for each in drawn)
    assert 10 < sum(each["lr"] < 1e-3 for each in drawn) < 30  # half of the logarithmic range
    assert len({json.dumps(each) for each in propose(SPACE, "random", 6, seed=0)}) == 6
    assert propose(SPACE, "random", 8, seed=0) == list(grid_of(SPACE))
    assert size_of(SPACE) == 8
    assert size_of(space) is None


def test_tpe_draws_where_trials_were_good():
    """Of 30 known trials the good ones have high rates: proposals are nearer to these than draws by lot are."""
    space = {"lr": Range(1e-5, 1e-1, log=True)}
    known = [({"lr": 10**-power}, abs(power - 1.5)) for power in np.linspace(1, 5, 30).tolist()]
    guided = [np.log10(each["lr"]) for each in propose(space, "tpe", 20, 0, known)]
    assert np.median(np.abs(np.add(guided, 1.5))) < 0.7


def test_the_parts_of_a_halving_are_those_of_the_algorithm():
    """Li et al. (2018), table 1, bracket s = 4: 81, 27, 9, 3, 1 trials with 1, 3, 9, 27, 81 epochs."""
    halving = Halving(3)
    shares = halving.shares(81, 81)
    assert [round(share * 81) for share in shares] == [1, 3, 9, 27, 81]
    results = [TrialResult(n, BASE, "running", 1, 1, float(n % 40), 0.5, None) for n in range(81)]
    assert [len(halving.survivors(results, 81, rung)) for rung in range(5)] == [27, 9, 3, 1, 1]
    assert halving.survivors(results, 81, 3) == {0}
    spent = 81 * 1 + 27 * 2 + 9 * 6 + 3 * 18 + 1 * 54
    assert halving.planned_share(81, 81) == pytest.approx(spent / 81**2)
    assert Halving(3).planned_share(90, 50) <= 0.15
    by_auroc = Halving(2, "auroc").survivors([replace(r, auroc=r.trial / 81) for r in results], 81, 4)
    assert by_auroc == {80, 79}


def test_importance_is_the_share_of_variance_that_a_setting_explains():
    """Of y = a + b with a in {0, 3, 6} and b in {0, 1, 2}, each setting's variance is 6 and 2/3 (fANOVA of a full grid)."""
    samples = [{"a": a, "b": b, "c": 7} for a in (1e-3, 1e-2, 1e-1) for b in ("x", "y", "z")] * 20
    values = [3.0 * (0, 1, 2)[(1e-3, 1e-2, 1e-1).index(s["a"])] + ("x", "y", "z").index(s["b"]) for s in samples]
    found = importance_of(samples, values)
    assert found["a"] == pytest.approx(0.9, abs=0.03)
    assert found["b"] == pytest.approx(0.1, abs=0.03)
    assert "c" not in found
    assert importance_of(samples[:3], values[:3]) == {}
