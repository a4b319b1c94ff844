"""Is a study that is killed at random moments the study that was left alone, bit for bit?

    python benchmarks/kills.py --sweep 20 --tasks 5 --jobs 5 --out FOLDER

Runs a miniature study of two tasks with a sweep to its end, then again with SIGKILLs, and compares what they leave:
what the sweep selected, weights, scores, predictions and tables. `--sweep`: kills while settings are being tried;
`--tasks`: kills at any moment; `--jobs`: kills under `hilum study run --jobs 2`, in turn of the process that shares
steps out, after which no other may be left, and of one that does them, after which the study must go on.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from hilum.artifacts import holder_of
from hilum.phantom import write_layout

STUDY = """\
question: Which learning rate, on two tasks?
data:
  images: {collection: chestxray14}
preprocess: [{square: pad}, {resize: 32}]
tasks:
  effusion: {on: images, findings: [Pleural Effusion], split: {lists: official, validation: 0.3, seed: 0}}
  others: {on: images, findings: [Infiltration, Atelectasis], split: {lists: official, validation: 0.3, seed: 0}}
arms:
  scratch: {encoder: resnet18, tasks: [effusion, others]}
  simclr: {encoder: resnet18, init: {pretrain: simclr, on: images}}
  tuned:
    encoder: resnet18
    tasks: [effusion]
    sweep: {search: tpe, trials: 12, over: {lr: {log_uniform: [1e-4, 1e-2]}, unfreeze: [0, 1], batch_size: [16, 32]}}
pretrain: {epochs: 2, batch_size: 32}
finetune: {epochs: 4, lr: 1e-3, patience: null}
seeds: [0, 1]
evaluate: {n_bootstrap: 100, min_positive_patients: 2}
explain: null
"""
SWEEP = "tasks/effusion/arms/tuned/sweep"
BY_TWO = ("--jobs", "2")
COMPARED = ("**/*.safetensors", "**/scores.parquet", "**/predictions/**/*.parquet", "**/metrics.parquet")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sweep", type=int, default=20, help="kills during the sweep")
    asked.add_argument("--tasks", type=int, default=5, help="kills at any moment")
    asked.add_argument("--jobs", type=int, default=5, help="kills of processes of --jobs 2")
    asked.add_argument("--seed", type=int, default=0, help="of the moments")
    asked.add_argument("--out", type=Path, required=True, help="an empty folder")
    given = asked.parse_args()
    given.out.mkdir(parents=True)
    write_layout("chestxray14", given.out / "images", images=150, size=48, seed=0)
    (given.out / "study.yaml").write_text(STUDY)
    moments = random.Random(given.seed)
    whole = given.out / "whole"
    began = time.monotonic()
    finish(given.out, whole)
    print(f"left alone: {time.monotonic() - began:.0f} s; selected {selected(whole)}", flush=True)
    for name, kills in (("sweep", given.sweep), ("tasks", given.tasks), ("jobs", given.jobs)):
        if kills:
            killed = given.out / name
            if name == "jobs":
                hit = sum(kill_of_two(given.out, killed, moments, worker=n % 2 == 1) for n in range(kills))
                finish(given.out, killed, *BY_TWO)
            else:
                hit = sum(kill_once(given.out, killed, name, moments) for _ in range(kills))
                finish(given.out, killed)
            different = compare(whole, killed)
            same = "the same bits" if not different else f"different: {', '.join(different)}"
            print(f"{name}: {hit} of {kills} kills hit; selected {selected(killed)}; {same}", flush=True)


def start(folder: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from hilum.cli import main; main()", "study", "run", str(folder / "study.yaml")]
    command += ["--data", f"images={folder / 'images'}", "--out", str(out), "--no-check", "--workers", "1", *more]
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def finish(folder: Path, out: Path, *more: str) -> None:
    if (code := start(folder, out, *more).wait()) != 0:
        raise SystemExit(f"exit status {code}: see {folder / 'log.txt'}")


def kill_once(folder: Path, out: Path, name: str, moments: random.Random) -> bool:
    """Start the study and kill it; False where it had nothing left to do."""
    process = start(folder, out)
    after = moments.uniform(0, 6)
    while not under_way(out, process, name):
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    time.sleep(after)
    hit = process.poll() is None
    process.kill()
    process.wait()
    return hit


def kill_of_two(folder: Path, out: Path, moments: random.Random, *, worker: bool) -> bool:
    """Start the study with two processes that do steps, and kill the one that shares them out; before, one of those
    that do them, where this is asked for: the study must then go on in a new one.
    """
    process = start(folder, out, *BY_TWO)
    while not under_way(out, process, "jobs") or len(doing := workers(process.pid)) < 2:
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    time.sleep(moments.uniform(0, 8))
    if worker:
        killed = moments.choice(workers(process.pid) or doing)
        os.kill(killed, signal.SIGKILL)
        until = time.monotonic() + 30
        while process.poll() is None and not set(workers(process.pid)) - {*doing}:
            if time.monotonic() > until and len(workers(process.pid)) < 1:
                raise SystemExit("no new process does the step of the one that was killed")
            time.sleep(0.05)
            if time.monotonic() > until:
                break  # nothing was left to do for a second one
        time.sleep(moments.uniform(0, 4))
    hit, doing = process.poll() is None, workers(process.pid)
    process.kill()
    process.wait()
    until = time.monotonic() + 20
    while left := [each for each in doing if runs(each)]:
        if time.monotonic() > until:
            raise SystemExit(f"processes {left} outlive the one that started them")
        time.sleep(0.05)
    return hit


def under_way(out: Path, process: subprocess.Popen[bytes], name: str) -> bool:
    if name == "sweep":
        holder = holder_of(out / SWEEP)
        return holder is not None and holder.process == process.pid
    study = holder_of(out)
    return study is not None and study.process == process.pid and (out / "plan.json").exists()


def workers(process: int) -> list[int]:
    """Processes that do steps for another one."""
    command = ["ps", "-o", "pid=,args=", "--ppid", str(process)]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    return [int(line.split()[0]) for line in lines if "spawn_main" in line]


def runs(process: int) -> bool:
    command = ["ps", "-o", "stat=", "-p", str(process)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return state != "" and not state.startswith("Z")


def selected(out: Path) -> str:
    message = json.loads((out / SWEEP / "selected.json").read_text())
    return f"trial {message['trial']}, {message['settings']}, validation loss {message['val_loss']:.6f}"


def compare(whole: Path, other: Path) -> list[str]:
    paths = {path.relative_to(whole) for pattern in COMPARED for path in whole.glob(pattern)}
    paths |= {path.relative_to(other) for pattern in COMPARED for path in other.glob(pattern)}
    different = [str(path) for path in sorted(paths) if content(whole / path) != content(other / path)]
    print(f"{len(paths)} files compared", flush=True)
    return different


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


if __name__ == "__main__":
    main()
