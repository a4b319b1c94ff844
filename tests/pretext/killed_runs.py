"""A run that is killed at random moments and made again, beside one that is not: `killed_runs.py OUT CASE KILLS`.

Not a test: `test_kill.py` compares what both leave. Every attempt is a process of its own, forked from one that has the
libraries but has computed nothing, so that most of its life is training.
"""

import os
import runpy
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hilum.draws import image_keys, uniforms

RUNS: dict[str, Any] = runpy.run_path(str(Path(__file__).with_name("joined_runs.py")))
LONGEST = 2.0  # seconds between start and kill


def forked(work: Callable[[], None]) -> int:
    process = os.fork()
    if process == 0:
        work()
        os._exit(0)
    return process


def main(out: Path, name: str, kills: int) -> None:
    case = replace(RUNS["CASES"][name], encoder="toh2023_densenet", images=40)

    def train(directory: Path, workers: int) -> Callable[[], None]:
        def work() -> None:
            directory.mkdir(parents=True, exist_ok=True)
            left = RUNS["run"](
                case, directory, workers=workers, epochs=16, optimizer="adamw", clip_grad_norm=1.0,
                freeze_encoder_steps=5, checkpoint_every_seconds=0.1, keeps_best=True,
            )  # fmt: skip
            torch.save({"state": left["state"], "curves": left["curves"]}, directory / "left.pt")

        return work

    ended = os.waitpid(forked(train(out / "whole", 1)), 0)[1]
    killed = 0
    for attempt, moment in enumerate(uniforms(0, image_keys([name]), kills)[0] * LONGEST):
        process = forked(train(out / "killed", attempt % 3))
        time.sleep(moment)
        os.kill(process, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(process, 0)[1])
    ended |= os.waitpid(forked(train(out / "killed", 2)), 0)[1]
    print(f"killed {killed}")
    sys.exit(ended != 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
