"""Does what the demo claims hold when it is run again? The demo's study, repeated with other seeds and other images.

    python benchmarks/demo_repeats.py [--study demo] [--repeats 20] [--first 0] [--precision auto] [--same-images]
        [--out F.json]

Each repeat draws new seeds for all trainings (as many as the study has, none used before), a new split, and, unless the
images are to be the same, new radiographs for every data set; nothing else differs from the study. A row is a repeat:
the macro AUROC of every arm, the differences that the verdict is about with adjusted p-values, and what it took.
Finished repeats in F.json are not repeated.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import polars as pl

from hilum.study.file import find_study, read_study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="demo", help="A study of generated images: a shipped one, or a file.")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="Number of the first repeat; 0 is the demo itself.")
    parser.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp32"])
    parser.add_argument("--same-images", action="store_true", help="Other seeds of trainings only.")
    parser.add_argument("--quick", action="store_true", help="In miniature: one repeat of `--scale tiny`.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if chosen.out and chosen.out.is_file():
        rows = json.loads(chosen.out.read_text(encoding="utf-8"))
    done = {(row["repeat"], row["precision"], row["same images"]) for row in rows}
    numbers = range(chosen.first, chosen.first + (1 if chosen.quick else chosen.repeats))
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images" if chosen.same_images else None
        for number in numbers:
            if (number, chosen.precision, chosen.same_images) in done:
                continue
            rows.append(repeat(chosen.study, number, chosen.precision, images, tiny=chosen.quick))
            sys.stdout.write(f"{json.dumps(rows[-1])}\n")
            sys.stdout.flush()
            if chosen.out:
                chosen.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(rows))


def repeat(name: str, number: int, precision: str, images: Path | None, *, tiny: bool) -> dict[str, Any]:
    """Run the study once and read its verdict; with the images in this folder, which the first repeat fills."""
    study = read_study(find_study(name), [])
    seeds = [len(study.seeds) * number + seed for seed in range(len(study.seeds))]
    expected = [f"seeds={seeds}", f"precision={precision}", "explain=null"]
    if images is None:
        expected += [f"data.{each}.generate.seed={len(study.data) * number + at}" for at, each in enumerate(study.data)]
        expected.append(f"task.split.seed={number}")
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "demo"
        if images is not None and images.exists():
            shutil.copytree(images, out)
        command = [
            sys.executable,
            "-c",
            "from hilum.cli import main; main()",
            "study",
            "run",
            name,
            "--out",
            str(out),
        ]
        command += [word for each in expected for word in ("--set", each)]
        command += ["--scale", "tiny"] if tiny else ["--no-check"]
        began, used = time.monotonic(), _cpu_seconds()
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"repeat {number} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        if images is not None and not images.exists():
            for part in ("generated", "stores"):
                shutil.copytree(out / part, images / part)
            shutil.copy(out / "plan.json", images)
        metrics = pl.read_parquet(out / "evaluation/metrics.parquet")
        comparisons = pl.read_parquet(out / "evaluation/comparisons.parquet")
    macro = metrics.filter((pl.col("metric") == "auroc") & (pl.col("finding") == "macro"))
    row: dict[str, Any] = {"repeat": number, "precision": precision, "same images": images is not None}
    row |= {f"auroc {arm}": estimate for arm, estimate in macro.select("arm", "estimate").iter_rows()}
    overall = comparisons.filter((pl.col("metric") == "auroc") & (pl.col("finding") == "macro"))
    for each in overall.iter_rows(named=True):
        pair = f"{each['arm']} − {each['reference']}"
        row |= {f"{pair}: {name}": each[name] for name in ("difference", "ci_low", "ci_high", "p_adjusted")}
    return row | {"seconds": time.monotonic() - began, "cpu seconds": _cpu_seconds() - used}


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, and how often each difference was shown."""
    if not rows:
        return ""
    pairs = [name.removesuffix(": difference") for name in rows[0] if name.endswith(": difference")]
    arms = [name for name in rows[0] if name.startswith("auroc ")]
    titles = ["repeat", "precision", *arms, *pairs, "CPU s"]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for row in rows:
        cells = [str(row["repeat"]), str(row["precision"]), *(f"{row[arm]:.3f}" for arm in arms)]
        cells += [
            f"{row[f'{pair}: difference']:+.3f} ({row[f'{pair}: ci_low']:+.3f} to {row[f'{pair}: ci_high']:+.3f}), "
            f"p {row[f'{pair}: p_adjusted']:.2g}"
            for pair in pairs
        ]
        cells.append(f"{row['cpu seconds']:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    for pair in pairs:
        better = sum(row[f"{pair}: p_adjusted"] < 0.05 and row[f"{pair}: difference"] > 0 for row in rows)
        worse = sum(row[f"{pair}: p_adjusted"] < 0.05 and row[f"{pair}: difference"] < 0 for row in rows)
        lines.append(f"{pair}: shown to be better in {better}, worse in {worse} of {len(rows)} repeats")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
