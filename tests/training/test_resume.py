"""A run that is stopped at any step and made again ends with the same bits."""

from dataclasses import replace

import pytest
import torch

from hilum.errors import HilumError
from hilum.training.checkpoint import checkpoint_path, delete_checkpoints, resume_only_same_run
from hilum.training.fit import fit
from hilum.training.settings import TrainingSettings

EVERY_STEP = TrainingSettings(
    epochs=3, lr=0.01, precision="fp32", warmup_epochs=1, clip_grad_norm=1.0, checkpoint_every_seconds=0
)


class Killed(Exception):
    pass


def killer(at):
    def report(done, total, note):
        if done == at:
            raise Killed

    return report


def numbers(result):
    """The curves without their times."""
    return result.curves.drop("images_per_second", "data_wait_fraction", "seconds").rows()


@pytest.mark.parametrize(("optimizer", "lr"), [("adamw", 0.05), ("sgd", 1.0)])
@pytest.mark.parametrize("kills", [(1,), (3,), (4,), (5, 7, 8), (12,)])
def test_a_killed_run_goes_on_with_another_number_of_workers_to_the_same_bits(
    batches, blobs, tmp_path, optimizer, lr, kills
):
    settings = replace(EVERY_STEP, epochs=4, optimizer=optimizer, lr=lr)
    whole = blobs()
    expected = fit(whole, batches(0, 24), validation=batches(24, 40), settings=settings, directory=tmp_path / "whole")
    assert expected.best_epoch < 4  # so that the best weights must come through the checkpoint
    for workers, at in enumerate(kills):
        with pytest.raises(Killed):
            fit(
                blobs(), batches(0, 24, workers=workers), validation=batches(24, 40), settings=settings,
                directory=tmp_path / "killed", on_progress=killer(at),
            )  # fmt: skip
    resumed = blobs(seed=9)  # the initial weights of the process that goes on must not matter
    result = fit(
        resumed, batches(0, 24, workers=3), validation=batches(24, 40, workers=1), settings=settings,
        directory=tmp_path / "killed",
    )  # fmt: skip
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    assert numbers(result) == numbers(expected)
    assert (result.best_epoch, result.best_validation_loss) == (expected.best_epoch, expected.best_validation_loss)


def test_only_the_steps_after_the_checkpoint_are_done_again(batches, blobs, tmp_path):
    with pytest.raises(Killed):
        fit(blobs(), batches(0, 40), settings=EVERY_STEP, directory=tmp_path, on_progress=killer(7))
    steps = []
    fit(
        blobs(),
        batches(0, 40),
        settings=EVERY_STEP,
        directory=tmp_path,
        on_progress=lambda done, *_: steps.append(done),
    )
    assert steps == list(range(8, 16))


def test_a_finished_run_is_not_trained_again(batches, blobs, tmp_path):
    first = blobs()
    expected = fit(first, batches(0, 40), validation=batches(0, 16), settings=EVERY_STEP, directory=tmp_path)
    again, steps = blobs(seed=4), []
    result = fit(
        again, batches(0, 40), validation=batches(0, 16), settings=EVERY_STEP, directory=tmp_path,
        on_progress=lambda done, *_: steps.append(done),
    )  # fmt: skip
    assert steps == []
    assert result.curves.equals(expected.curves)
    assert torch.equal(again.head.weight, first.head.weight)


def test_a_kill_while_validating_is_resumed_too(batches, blobs, tmp_path):
    class KilledInValidation(blobs):
        def validation_loss(self, batch):
            raise Killed

    whole = blobs()
    expected = fit(whole, batches(0, 40), validation=batches(0, 16), settings=EVERY_STEP, directory=tmp_path / "whole")
    with pytest.raises(Killed):
        fit(
            KilledInValidation(), batches(0, 40), validation=batches(0, 16), settings=EVERY_STEP,
            directory=tmp_path / "killed",
        )  # fmt: skip
    resumed = blobs()
    result = fit(resumed, batches(0, 40), validation=batches(0, 16), settings=EVERY_STEP, directory=tmp_path / "killed")
    assert numbers(result) == numbers(expected)
    assert torch.equal(resumed.head.weight, whole.head.weight)


def test_checkpoints_are_as_seldom_as_asked(batches, blobs, tmp_path):
    seldom = TrainingSettings(epochs=2, lr=0.01, precision="fp32", checkpoint_every_seconds=600)
    fit(blobs(), batches(0, 40), settings=seldom, directory=tmp_path)
    assert not checkpoint_path(tmp_path).exists()


def test_a_checkpoint_of_other_settings_is_refused(batches, blobs, tmp_path):
    fit(blobs(), batches(0, 16), settings=EVERY_STEP, directory=tmp_path)
    other = replace(EVERY_STEP, lr=0.02)
    with pytest.raises(HilumError, match=r"last\.ckpt: expected a checkpoint of these settings"):
        fit(blobs(), batches(0, 16), settings=other, directory=tmp_path)


def test_a_damaged_checkpoint_is_refused_and_says_what_to_do(batches, blobs, tmp_path):
    fit(blobs(), batches(0, 16), settings=EVERY_STEP, directory=tmp_path)
    path = checkpoint_path(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(HilumError, match=r"last\.ckpt: expected a checkpoint of this run; .*Delete it"):
        fit(blobs(), batches(0, 16), settings=EVERY_STEP, directory=tmp_path)


def test_code_in_a_checkpoint_is_not_run(batches, blobs, tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    path = checkpoint_path(tmp_path)
    path.parent.mkdir()
    torch.save({"run": Payload()}, path)
    with pytest.raises(HilumError, match="expected a checkpoint of this run"):
        fit(blobs(), batches(0, 16), settings=EVERY_STEP, directory=tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_working_directory_is_kept_for_the_same_inputs_and_emptied_for_others(tmp_path):
    resume_only_same_run(tmp_path, {"lr": 1})
    (tmp_path / "curves.parquet").write_text("of the first epochs")
    (tmp_path / ".scores.parquet.123.partial").write_text("half")
    (tmp_path / "checkpoints" / ".last.ckpt.123.partial").write_text("half")
    resume_only_same_run(tmp_path, {"lr": 1})
    assert list(tmp_path.rglob("*.partial")) == []
    assert (tmp_path / "curves.parquet").exists()
    resume_only_same_run(tmp_path, {"lr": 2})
    assert not (tmp_path / "curves.parquet").exists()
    delete_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []
