"""Files of a directory that a report shows: predictions, tables of commands, images, a study file."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from hilum.data.tables import read_result_table
from hilum.errors import HilumError
from hilum.renamed import with_current_keys

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
"""Names of the tables that commands write, `<name>.parquet`."""
RENAMED_PARTS = {"suspects": "label_issues"}
"""Names of tables of earlier versions, and their current names."""
_SEED = re.compile(r"(.*?)[-_. ]?seed[-_ ]?(\d+)$")
_NOT_RESULTS = {"stores", "generated", "pretrain", "tables", "figures", "features"}


@dataclass(frozen=True)
class FolderFiles:
    """Files of a directory by their content.

    Attributes:
        directory: Directory of the files.
        arms: Tables of predictions of each arm, one per seed.
        baselines: Scores of shortcut baselines by name; they share the labels of the arms.
        probes: Predictions of the linear probe of each arm's initial weights, one table per seed.
        parts: Tables of `PARTS` by name.
        stores: Directories of decoded images.
        study: Content of study.yaml; empty for none.
        study_text: Text of study.yaml.
        ignored: Files that are not used, with the reason, one sentence each.
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


def find_files(directory: Path) -> FolderFiles:
    """Search a directory and up to two levels of subdirectories.

    An arm is a folder in `predictions/` with one table per seed, a table beside it, or the folder of a run of `hilum
    finetune`; tables NAME-seed0, NAME-seed1 are seeds of one arm.

    Raises:
        HilumError: No such directory, or no file that a report shows.
    """
    if not directory.is_dir():
        found = "a file" if directory.exists() else "no such directory"
        raise HilumError(directory, expected="a directory with results", found=found, fix="Name a directory.")
    parts: dict[str, Path] = {}
    ignored = []
    for path in _tables_below(directory):
        name = RENAMED_PARTS.get(path.stem, path.stem)
        if path.suffix == ".parquet" and name in PARTS:
            if name in parts:
                place = parts[name].relative_to(directory)
                ignored.append(f"{path.relative_to(directory)} is not shown: {place} is the same table.")
            else:
                parts[name] = path
    text = _text(directory / "study.yaml")
    study = with_current_keys((yaml.safe_load(text) if text else None) or {})
    order = list(study.get("arms") or {})
    content = FolderFiles(
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
            expected="predictions, or tables of hilum evaluate, compare, explain, embed or label-issues",
            found="none of them",
            fix="Put tables with y_<finding> and p_<finding> there, or name another directory.",
        )
    return content


def _baselines(directory: Path, parts: Mapping[str, Path]) -> dict[str, Path]:
    """Find the scores of baselines, in the order of the table `baseline_metrics`."""
    found = {path.stem: path for path in sorted((directory / "baselines").glob("*.parquet"))}
    table = parts.get("baseline_metrics")
    order = [] if table is None else read_result_table(table)["arm"].unique(maintain_order=True).to_list()
    return dict(sorted(found.items(), key=lambda each: order.index(each[0]) if each[0] in order else len(order)))


def _probes(directory: Path) -> dict[str, list[Path]]:
    """Find the predictions of linear probes by arm."""
    return _by_folder(directory / "evaluation" / "probes") | _by_folder(directory / "probes")


def _arms(directory: Path) -> dict[str, list[Path]]:
    """Find the predictions of arms: folders of tables, and single tables."""
    arms: dict[str, list[Path]] = {}
    for home in (directory / "evaluation" / "predictions", directory / "predictions", directory):
        arms |= {} if home == directory else _by_folder(home)
        for path in filter(_is_predictions, sorted(home.glob("*"))):
            arms.setdefault(_arm_of(path), []).append(path)
    for path in filter(_is_predictions, sorted(directory.glob("*/predictions.parquet"))):  # of `hilum finetune`
        arms.setdefault(path.parent.name, [path])
    return arms


def _by_folder(home: Path) -> dict[str, list[Path]]:
    """Find the tables of predictions in each subdirectory."""
    found = {folder.name: list(filter(_is_predictions, sorted(folder.glob("*")))) for folder in sorted(home.glob("*/"))}
    return {name: tables for name, tables in found.items() if tables}


def _arm_of(path: Path) -> str:
    seeds = _SEED.fullmatch(path.stem)
    return (seeds[1] if seeds else "") or path.stem


def recorded_samples(record: Mapping[str, Any]) -> int | None:
    """Return the number of bootstrap resamples in a metrics.json or in `evaluate` of a study.yaml; None for none."""
    samples: int | None = record.get("n_bootstrap", record.get("redraws"))
    return samples


def seed_of(path: Path) -> int | None:
    """Return the seed in a file name of predictions, as in seed-2.parquet, simclr_seed2.csv; None for none."""
    seeds = _SEED.fullmatch(path.stem)
    return int(seeds[2]) if seeds else None


def _is_predictions(path: Path) -> bool:
    """Return whether a file is a table with labels and scores."""
    if path.suffix not in (".parquet", ".pq", ".csv") or not path.is_file():
        return False
    try:
        names = pl.read_csv(path, n_rows=0).columns if path.suffix == ".csv" else pl.read_parquet_schema(path)
    # Polars panics on some damaged files; its PanicException is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError, OSError):
        return False
    return any(name.startswith("p_") for name in names) and any(name.startswith("y_") for name in names)


def _tables_below(directory: Path) -> Iterator[Path]:
    """Iterate over Parquet files here and up to two levels below, the nearest first."""
    for pattern in ("*.parquet", "*/*.parquet", "*/*/*.parquet"):
        for path in sorted(directory.glob(pattern)):
            if _NOT_RESULTS.isdisjoint(path.relative_to(directory).parts[:-1]):
                yield path


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
