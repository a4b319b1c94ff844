"""Hilum on a GPU: what agrees with the CPU, what the card can do, and how much of it training gets. Nine minutes.

    python benchmarks/gpu/run.py [--out FOLDER] [--parts …] [--seconds 540]     # on a machine with CUDA
    python benchmarks/gpu/run.py --dry-run                                      # every part in miniature, on the CPU

It needs a checkout, torch, Lightning and timm, and no network; it says first which small packages are missing. Parts
run in the order of their worth, each in a process of its own with its own limit of time, and each writes its table row
by row (FOLDER/PART.md and PART.json; FOLDER is $OUT where that is set), so that a run that is cut off has written all
that it had measured. FOLDER/summary.md joins them.
"""

import argparse
import importlib.util
import multiprocessing
import os
import platform
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "src"), str(HERE), str(HERE.parent)]
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # so that asking for a GPU does not bar the parts from it

NEEDED = (
    "numpy", "scipy", "sklearn", "polars", "numba", "cv2", "PIL", "pydicom", "pydantic", "yaml", "typer", "rich",
    "safetensors", "lazy_loader", "matplotlib", "jinja2", "threadpoolctl", "torch", "torchvision", "lightning", "timm",
)  # fmt: skip
FOR_ONE_PART = {"pytest": "agreement", "kornia": "augmentation", "lightly": "lightly"}


@dataclass(frozen=True)
class Part:
    """One table. `seconds` is its limit on a GPU."""

    name: str
    title: str
    seconds: float


PARTS = (
    Part("agreement", "The GPU against the CPU, and a killed run against a whole one: pytest -m gpu", 140),
    Part("ceilings", "What the card can do: copies and matrix products", 20),
    Part("training", "Training steps", 220),
    Part("augmentation", "Augmentation alone", 40),
    Part("lightly", "lightly's own examples", 50),
    Part("features", "90 heads on 60,000 images' features, and the extraction of features", 70),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")))
    parser.add_argument("--parts", nargs="+", choices=[part.name for part in PARTS], default=None)
    parser.add_argument("--seconds", type=float, default=540, help="of all parts together")
    parser.add_argument("--limit", type=float, help="of each part, if shorter than its own")
    parser.add_argument("--dry-run", action="store_true", help="every part in miniature on the CPU")
    arguments = parser.parse_args()
    began, out = time.monotonic(), arguments.out
    out.mkdir(parents=True, exist_ok=True)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    absent = [f"{name} (part {part})" for name, part in FOR_ONE_PART.items() if importlib.util.find_spec(name) is None]
    lines = [f"# Hilum on {'a CPU, in miniature' if arguments.dry_run else 'a GPU'}", "", platform.platform()]
    lines += [f"Missing, and needed: {', '.join(missing)}"] if missing else []
    lines += [f"Missing, and their part says so: {', '.join(absent)}"] if absent else []
    report(lines, out)
    if missing:
        return 2
    import torch

    if not arguments.dry_run and not torch.cuda.is_available():
        report([*lines, "", "torch sees no GPU here: try --dry-run."], out)
        return 2
    import parts  # noqa: F401 - once, for all of the processes that are forked from this one

    fork = multiprocessing.get_context("fork")
    for part in PARTS:
        if arguments.parts and part.name not in arguments.parts:
            continue
        left = arguments.seconds - (time.monotonic() - began)
        if left < 5:
            lines += ["", f"## {part.title}", "", "No time was left."]
            report(lines, out)
            continue
        limit, started = min(left, part.seconds, arguments.limit or part.seconds), time.monotonic()
        process = fork.Process(target=perform, args=(part.name, out, limit, arguments.dry_run))
        process.start()
        process.join(limit)
        cut = process.is_alive()
        if cut:
            process.kill()
            process.join()
        took = time.monotonic() - started
        expected = f"Cut off after {took:.0f} s." if cut else f"{took:.0f} s."
        expected += f" Ended with {process.exitcode}: see {part.name}.txt." if process.exitcode and not cut else ""
        table = out / f"{part.name}.md"
        lines += ["", f"## {part.title}", "", expected, ""]
        lines += [table.read_text(encoding="utf-8").rstrip()] if table.exists() else ["Nothing was measured."]
        report(lines, out)
    print("\n".join(lines))
    return 0


def report(lines: list[str], out: Path) -> None:
    (out / "summary.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def perform(name: str, out: Path, seconds: float, dry: bool) -> None:
    """One part, in a process of its own."""
    import parts

    with (out / f"{name}.txt").open("w", encoding="utf-8", buffering=1) as expected:
        os.dup2(expected.fileno(), 1)
        os.dup2(expected.fileno(), 2)
        try:
            parts.PERFORM[name](parts.Table(out / name), parts.Bounds(time.monotonic() + seconds, dry))
        except BaseException:
            traceback.print_exc()
            raise


if __name__ == "__main__":
    sys.exit(main())
