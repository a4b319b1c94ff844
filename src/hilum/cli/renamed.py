"""Renamed commands and options, for the hint of an error."""

from collections.abc import Sequence

from hilum.errors import HilumError

COMMANDS = {
    "audit": "label-issues",
    "external": "external-validation",
    "policies": "augmentations",
    "show": "preview",
}
OPTIONS = {
    "--films": "--candidates",
    "--like": "--similar-to",
    "--min-positives": "--min-positive-patients",
    "--policy": "--augmentation",
    "--redraws": "--n-bootstrap",
    "--same-patient": "--allow-same-patient",
    "--seen": "--include-training-patients",
    "--share": "--patient-fraction",
    "--worst": "--top",
}
OPTIONS_OF_COMMANDS = {
    ("doctor", "--and"): "--also",
    ("embed", "--images"): "--max-points",
    ("evaluate", "--images"): "--image-table",
    ("explain", "--and"): "--compare-with",
    ("explain", "--images"): "--images-per-finding",
    ("explain", "--threshold"): "--map-threshold",
    ("finetune", "--fraction"): "--label-fraction",
    ("finetune", "--weights"): "--init",
    ("preview", "--images"): "--image-ids",
}
"""Options that other commands still have under this name."""
AS_FRACTION = frozenset({"--share"})
"""Options whose values were percentages before."""


def refuse_old_names(words: Sequence[str]) -> None:
    """Refuse a command line that contains a renamed command or option.

    Args:
        words: Command line without the program's name.

    Raises:
        HilumError: A command or an option was renamed.
    """
    command = next((word for word in words if not word.startswith("-")), "")
    if command in COMMANDS:
        new = COMMANDS[command]
        raise HilumError(
            f"hilum {command}",
            expected=f"the new name, hilum {new}",
            found="the old name",
            fix=f"Write hilum {new}.",
        )
    for word in words:
        option = word.partition("=")[0]
        new = OPTIONS_OF_COMMANDS.get((command, option)) or OPTIONS.get(option, "")
        if new:
            percent = ", and a fraction (0.1) instead of percent (10)" if option in AS_FRACTION else ""
            raise HilumError(
                option, expected=f"the new name, {new}", found="the old name", fix=f"Write {new}{percent}."
            )
