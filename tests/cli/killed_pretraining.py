"""`hilum pretrain` killed again and again, beside a run that is not: `killed_pretraining.py IMAGES OUT`.

Not a test: `test_killed_pretraining.py` compares what both leave. Every attempt is a process of its own, forked from
one that has the libraries but has computed nothing, so that most of its life is the command's.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import torch

import hilum.cli
import hilum.data.store.build
import hilum.encoders.weights
import hilum.pretext.pretrain
import hilum.runs.pools.pretraining_pool  # so that no attempt need import it
import hilum.training.fit
import hilum.training.step
from hilum.draws import image_keys, uniforms

RANDOM_KILLS = 6
MOST_STEPS, LONGEST = 10, 0.3  # steps, and seconds after them, to a kill


def attempt(images: Path, out: Path, workers: int, before: Callable[[], None]) -> int:
    """The command in a process of its own; `before` may lay a trap in it."""
    process = os.fork()
    if process == 0:
        before()
        sys.argv = [
            "hilum", "pretrain", "simclr", "--data", f"chestxray14={images}", "--encoder", "toh2023_densenet",
            "--preprocess", "[{square: pad}, {resize: 48}]", "--epochs", "30", "--batch-size", "16", "--device", "cpu",
            "--set", "probe_every=10", "--workers", str(workers), "--out", str(out),
        ]  # fmt: skip
        hilum.cli.main()
        os._exit(0)
    return process


def killed_itself(process: int) -> bool:
    return os.WTERMSIG(os.waitpid(process, 0)[1]) == signal.SIGKILL


def kill_at_call(owner: object, name: str, call: int, seconds: float = 0.0) -> Callable[[], None]:
    """Lays a trap: the process is killed when it comes to this call of a function, or so many seconds later."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def lay() -> None:
        own, calls = getattr(owner, name), [0]

        def trapped(*arguments: object, **named: object) -> object:
            calls[0] += 1
            if calls[0] == call and seconds:
                threading.Timer(seconds, kill).start()
            elif calls[0] == call:
                kill()
            return own(*arguments, **named)

        setattr(owner, name, trapped)
        checkpoint_often()

    return lay


def checkpoint_often() -> None:
    """Every tenth of a second, so that a kill loses little."""
    own = hilum.training.fit._Loop.save_when_due

    def save(loop: hilum.training.fit._Loop) -> None:
        loop.saved -= loop.settings.checkpoint_every_seconds - 0.1
        own(loop)

    hilum.training.fit._Loop.save_when_due = save  # type: ignore[method-assign]


BEFORE = {
    "while the first images are decoded": kill_at_call(hilum.data.store.build, "read_image", 40),
    "while the next images are decoded": kill_at_call(hilum.data.store.build, "read_image", 20),
    "before the store is described": kill_at_call(hilum.data.store.build, "_describe", 1),
}
WITHIN = {
    f"{seconds:.2f} s after step {1 + int(step)}": kill_at_call(
        hilum.training.step.Stepper, "take", 1 + int(step), seconds
    )
    for step, seconds in uniforms(0, image_keys(map(str, range(RANDOM_KILLS))), 2) * [MOST_STEPS, LONGEST]
}
AFTER = {
    "after training, before the weights are written": kill_at_call(hilum.pretext.pretrain, "write_encoder", 1),
    "after the weights, before the card": kill_at_call(hilum.encoders.weights, "write_card", 1),
    "after all files, before the renaming": kill_at_call(hilum.pretext.pretrain, "delete_checkpoints", 1),
}


def main(images: Path, out: Path) -> None:
    ended = os.waitpid(attempt(images, out / "whole" / "run", 1, checkpoint_often), 0)[1]
    message = {}
    for number, (moment, trap) in enumerate((BEFORE | WITHIN | AFTER).items()):
        message[moment] = killed_itself(attempt(images, out / "killed" / "run", 1 + number % 3, trap))
    ended |= os.waitpid(attempt(images, out / "killed" / "run", 2, checkpoint_often), 0)[1]
    (out / "reported.json").write_text(json.dumps(message))
    sys.exit(ended != 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
