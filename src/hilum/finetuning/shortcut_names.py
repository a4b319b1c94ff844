"""Names of shortcut baselines in files and tables: metadata, thumbnail and untrained encoders."""

METADATA, THUMBNAIL = "age, sex and view", "8x8 thumbnail"
RANDOM, CALIBRATED = "random", "calibrated"
"""Kinds of untrained encoders: random weights; batch norm calibrated on images (`hilum.encoders.calibrated`)."""


def untrained_name(kind: str, encoder: str) -> str:
    """Return the name of the baseline of an untrained encoder.

    Args:
        kind: `RANDOM` or `CALIBRATED`.
        encoder: Name in `hilum.encoders.catalogue.ARCHITECTURES`.
    """
    return f"{kind} {encoder}"


def parse_untrained(name: str) -> tuple[str, str] | None:
    """Return kind and encoder of a name by `untrained_name`; None for other baselines."""
    kind, _, encoder = name.partition(" ")
    return (kind, encoder) if kind in (RANDOM, CALIBRATED) and encoder else None
