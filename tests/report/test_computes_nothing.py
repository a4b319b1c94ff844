"""The report shows numbers and computes none: every table comes from the one evaluation suite."""

import ast
from pathlib import Path

import pytest

import hilum.report

ROOT = Path(hilum.report.__file__).parent
COMPUTING = {
    "benjamini_hochberg", "compare_predictions", "comparisons_table", "equivalence_p", "evaluate_arms",
    "evaluate_predictions", "evaluate_multiclass", "evaluate_subgroups", "evaluate_suite", "holm", "joint_table", "equivalence_table",
    "measure_arms", "metrics_table", "percentile_interval", "ranks_table", "bootstrap_layers", "score_interval",
    "two_sided_p",
}  # fmt: skip
"""Names of `hilum.evaluation` that make a number with an interval or a test."""


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_computes_is_imported(path):
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hilum.evaluation")
        for alias in node.names
    }
    assert imported.isdisjoint(COMPUTING)
