"""Reading of users' Parquet files, with clear errors."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from hilum.data.tables.column_names import refuse_patterns
from hilum.errors import HilumError

_MARK = b"PAR1"
RENAMED_COLUMNS = {
    "against": "reference",
    "at_home": "internal",
    "best_in": "prob_best",
    "columns": "n_findings_ranked",
    "contradicted": "discordant",
    "contradicted_negatives": "discordant_negatives",
    "contradicted_positives": "discordant_positives",
    "data_wait_share": "data_wait_fraction",
    "detectable": "minimum_detectable_difference",
    "doubted_negatives": "flagged_negatives",
    "doubted_positives": "flagged_positives",
    "drop": "generalisation_gap",
    "drop_high": "generalisation_gap_ci_high",
    "drop_low": "generalisation_gap_ci_low",
    "gap_high": "gap_ci_high",
    "gap_low": "gap_ci_low",
    "hidden_share": "masked_fraction",
    "high": "ci_high",
    "high_90": "ci_high_90",
    "kappa_high": "kappa_ci_high",
    "kappa_low": "kappa_ci_low",
    "kept": "selected",
    "low": "ci_low",
    "low_90": "ci_low_90",
    "mined_as": "nlp_label",
    "mined_positives": "nlp_positives",
    "native": "in_distribution",
    "other_similarity": "negative_similarity",
    "p_equivalent": "p_tost",
    "p_equivalent_adjusted": "p_tost_adjusted",
    "p_not_worse": "p_noninferiority",
    "quality": "label_quality",
    "repeat": "prob_replication",
    "says": "conclusion",
    "sensitivity_high": "sensitivity_ci_high",
    "sensitivity_low": "sensitivity_ci_low",
    "specificity_high": "specificity_ci_high",
    "specificity_low": "specificity_ci_low",
    "suspect": "is_label_issue",
    "wrong_among_negatives": "noise_rate_negatives",
    "wrong_among_positives": "noise_rate_positives",
}
"""Columns of result tables of earlier versions, and their current names."""
RENAMED_RULES = {
    "by lot": "random",
    "false alarm": "hardest negative",
    "found": "true positive",
    "missed": "hardest positive",
}
"""Values of the column `rule` of earlier versions, and the current ones (`hilum.explanation.selection.RULES`)."""


def is_parquet(path: Path) -> bool:
    """Return true for a file that starts like Parquet.

    Raises:
        HilumError: The file is unreadable.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(len(_MARK)) == _MARK
    except OSError as error:
        found = (error.strerror or str(error)).lower()
        raise HilumError(path, expected="a file that can be read", found=found, fix="Check the path.") from error


def read_parquet(path: Path, *, what: str, fix: str) -> pl.DataFrame:
    """Read a Parquet file.

    Args:
        path: Path of an existing file.
        what: Expected content, for the message.
        fix: Advice for the message.

    Raises:
        HilumError: Damaged, truncated, not Parquet, or with columns named like patterns.
    """
    try:
        with _without_panic_reports():
            table = pl.read_parquet(path, glob=False, hive_partitioning=False)
    # Polars panics on some damaged files; PanicException is not an Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, OverflowError) as error:
        found = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise HilumError(path, expected=f"{what} (Parquet)", found=f"a damaged file ({found})", fix=fix) from error
    refuse_patterns(path, table.columns)
    return table


def read_result_table(path: Path) -> pl.DataFrame:
    """Read a Parquet table of results or curves; columns and rules of earlier versions are renamed.

    Args:
        path: Path of a table that Hilum wrote.
    """
    table = pl.read_parquet(path, glob=False, hive_partitioning=False)
    here = set(table.columns)
    table = table.rename({old: new for old, new in RENAMED_COLUMNS.items() if old in here and new not in here})
    if table.schema.get("rule") == pl.String:
        table = table.with_columns(pl.col("rule").replace(RENAMED_RULES))
    return table


@contextmanager
def _without_panic_reports() -> Iterator[None]:
    """Suppress the report that polars writes to the process's standard error before it raises a panic."""
    stderr = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
