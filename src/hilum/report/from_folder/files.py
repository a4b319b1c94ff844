"""What of a directory a report can be made of: predictions, tables of commands, images, a study file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from hilum.errors import HilumError

PARTS = (
    "joint",
    "ranks",
    "margins",
    "subgroups",
    "classes",
    "external",
    "noise",
    "label_issues",
    "agreement",
    "purity",
    "box_statistics",
    "embedding",
    "metrics",
    "comparisons",
    "baseline_metrics",
    "baseline_comparisons",
    "probe_metrics",
    "probe_comparisons",
    "learning",
)
"""Tables by the name that commands leave them under, `<name>.parquet`."""
_SEED = re.compile(r"(.*?)[-_. ]?seed[-_ ]?(\d+)$")
_NOT_RESULTS = {"stores", "generated", "pretrain", "tables", "figures", "features"}


@dataclass(frozen=True)
class Found:
    """Files by what they are.

    Attributes:
        directory: of all of them.
        arms: for each arm its tables of predictions, one a seed.
        baselines: scores of shortcut baselines by name; their labels are those of the arms.
        probes: for each arm predictions of a linear probe of what it starts from, one table a seed.
        parts: tables of `PARTS` by name.
        stores: directories of decoded images.
        study: what study.yaml says; empty where there is none.
        study_text: the same, letter by letter.
        ignored: what is there but not used, and why, one sentence each.
    """

    directory: Path
    arms: Mapping[str, Sequence[Path]]
    baselines: Mapping[str, Path]
    probes: Mapping[str, Sequence[Path]]
    parts: Mapping[str, Path]
    stores: Sequence[Path]
    study: Mapping[str, Any]
    study_text: str
    ignored: Sequence[str]


def find(directory: Path) -> Found:
    """Look into a directory and one or two levels below.

    An arm is a folder below `predictions/`, with one table a seed, or a table beside it; tables NAME-seed0, NAME-seed1
    are seeds of one arm.

    Raises:
        HilumError: no such directory, or nothing in it that a report could show.
    """
    if not directory.is_dir():
        found = "a file" if directory.exists() else "no such directory"
        raise HilumError(directory, expected="a directory with results", found=found, fix="Name a directory.")
    parts: dict[str, Path] = {}
    ignored = []
    for path in _tables_below(directory):
        if path.suffix == ".parquet" and path.stem in PARTS:
            if path.stem in parts:
                place = parts[path.stem].relative_to(directory)
                ignored.append(f"{path.relative_to(directory)} is not shown: {place} has the same name.")
            else:
                parts[path.stem] = path
    text = _text(directory / "study.yaml")
    study = (yaml.safe_load(text) if text else None) or {}
    order = list(study.get("arms") or {})
    content = Found(
        directory=directory,
        arms=dict(
            sorted(_arms(directory).items(), key=lambda arm: order.index(arm[0]) if arm[0] in order else len(order))
        ),
        baselines=_baselines(directory, parts),
        probes=_probes(directory),
        parts=parts,
        stores=sorted(path.parent for path in directory.glob("stores/*/store.json")),
        study=study,
        study_text=text,
        ignored=ignored,
    )
    if not content.arms and not content.parts:
        raise HilumError(
            directory,
            expected="predictions, or tables that hilum evaluate, compare, explain, embed or audit left",
            found="none of them",
            fix="Put tables with y_<finding> and p_<finding> there, or name another directory.",
        )
    return content


def _baselines(directory: Path, parts: Mapping[str, Path]) -> dict[str, Path]:
    """Scores of baselines, in the order of the table that is there of them."""
    found = {path.stem: path for path in sorted((directory / "baselines").glob("*.parquet"))}
    table = parts.get("baseline_metrics")
    order = (
        [] if table is None else pl.read_parquet(table, columns=["arm"])["arm"].unique(maintain_order=True).to_list()
    )
    return dict(sorted(found.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order)))


def _probes(directory: Path) -> dict[str, list[Path]]:
    """Predictions of linear probes, by arm."""
    probes: dict[str, list[Path]] = {}
    for home in (directory / "evaluation" / "probes", directory / "probes"):
        for folder in sorted(path for path in home.glob("*") if path.is_dir()):
            tables = [path for path in sorted(folder.iterdir()) if _is_predictions(path)]
            if tables:
                probes[folder.name] = tables
    return probes


def _arms(directory: Path) -> dict[str, list[Path]]:
    arms: dict[str, list[Path]] = {}
    for home in (directory / "evaluation" / "predictions", directory / "predictions"):
        if home.is_dir():
            for folder in sorted(path for path in home.iterdir() if path.is_dir()):
                tables = [path for path in sorted(folder.iterdir()) if _is_predictions(path)]
                if tables:
                    arms[folder.name] = tables
            for path in sorted(home.iterdir()):
                if _is_predictions(path):
                    arms.setdefault(_arm_of(path), []).append(path)
    for path in sorted(directory.iterdir()):
        if _is_predictions(path):
            arms.setdefault(_arm_of(path), []).append(path)
    return arms


def _arm_of(path: Path) -> str:
    seeds = _SEED.fullmatch(path.stem)
    return (seeds[1] if seeds else "") or path.stem


def recorded_samples(record: Mapping[str, Any]) -> int | None:
    """Bootstrap samples that a metrics.json or `evaluate` of a study.yaml records; None where neither is stated.

    Earlier versions wrote them under another key.
    """
    samples: int | None = record.get("n_bootstrap", record.get("redraws"))
    return samples


def seed_of(path: Path) -> int | None:
    """The seed that a table of predictions is named by, as in seed-2.parquet, simclr_seed2.csv."""
    seeds = _SEED.fullmatch(path.stem)
    return int(seeds[2]) if seeds else None


def _is_predictions(path: Path) -> bool:
    """Whether a file has labels and scores; files that are no tables have none."""
    if path.suffix not in (".parquet", ".pq", ".csv") or not path.is_file():
        return False
    try:
        names = pl.read_csv(path, n_rows=0).columns if path.suffix == ".csv" else pl.read_parquet_schema(path)
    # Polars panics on some damaged files; its PanicException is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError, OSError):
        return False
    return any(name.startswith("p_") for name in names) and any(name.startswith("y_") for name in names)


def _tables_below(directory: Path) -> Iterator[Path]:
    """Parquet files here and up to two levels below, those nearer first."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for path in sorted(directory.glob(pattern)):
            if _NOT_RESULTS.isdisjoint(path.relative_to(directory).parts[:-1]):
                yield path


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
