"""Names of shortcut baselines in files and tables: two that see next to nothing, and untrained encoders."""

METADATA, THUMBNAIL = "age, sex and view", "8x8 thumbnail"
RANDOM, CALIBRATED = "random", "calibrated"
"""Kinds of encoders without training: weights as drawn; batch norms fitted to images (`hilum.encoders.calibrated`)."""


def untrained_name(kind: str, encoder: str) -> str:
    """Name of the baseline that is an encoder without training.

    Args:
        kind: `RANDOM` or `CALIBRATED`.
        encoder: of `hilum.encoders.catalogue.ARCHITECTURES`.
    """
    return f"{kind} {encoder}"


def parse_untrained(name: str) -> tuple[str, str] | None:
    """Kind and encoder of a baseline that `untrained_name` named; None for other baselines."""
    kind, _, encoder = name.partition(" ")
    return (kind, encoder) if kind in (RANDOM, CALIBRATED) and encoder else None
