"""Codes of CheXpert's labeller: 1.0 positive, 0.0 negative, -1.0 uncertain, blank not mentioned."""

import polars as pl

from hilum.findings import CHEXPERT

_CODES = {"1.0": 1, "1": 1, "0.0": 0, "0": 0, "-1.0": -1, "-1": -1}
EXPECTED = "1.0, 0.0, -1.0 or blank"


def codes() -> list[pl.Expr]:
    """Return expressions for the 14 observations of a table of text as the manifest's codes, Int8."""
    return [
        pl.col(finding).replace_strict(_CODES, default=None, return_dtype=pl.Int8).alias(finding)
        for finding in CHEXPERT
    ]


def wrong_codes() -> dict[str, tuple[pl.Expr, str]]:
    """Return the conditions of invalid observations for `refuse_lines`."""
    return {
        finding: (pl.col(finding).is_not_null() & ~pl.col(finding).is_in(list(_CODES)), EXPECTED)
        for finding in CHEXPERT
    }
