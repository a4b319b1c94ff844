"""Interim looks at a study's results while seeds are added (group sequential design)."""

import json
from collections.abc import Sequence
from pathlib import Path

from hilum.artifacts import write_json
from hilum.errors import HilumError
from hilum.evaluation.inference import Look
from hilum.report.content import LookTaken
from hilum.study.file import Study
from hilum.study.file.read import study_of_run

LOOKS = "looks.json"
"""File with the seeds of each look, in order. Evaluating the same seeds again is the same look."""


def looks_taken(out: Path) -> list[list[int]]:
    """Read the seeds of all looks so far."""
    path = out / LOOKS
    return list(json.loads(path.read_text(encoding="utf-8"))["looks"]) if path.is_file() else []


def look_number(out: Path, seeds: Sequence[int]) -> int:
    """Return the number (from 1) of a look at these seeds."""
    taken = looks_taken(out)
    own = sorted(seeds)
    return taken.index(own) + 1 if own in taken else len(taken) + 1


def record_look(out: Path, seeds: Sequence[int]) -> None:
    """Record a look at these seeds."""
    taken = looks_taken(out)
    if sorted(seeds) not in taken:
        write_json(out / LOOKS, {"looks": [*taken, sorted(seeds)]})


def look_of(study: Study, out: Path) -> Look:
    """Return the current look of a study; the last planned one if there were more."""
    announced = study.evaluate.looks
    return Look(min(look_number(out, study.seeds), announced), announced, study.evaluate.spending)


def look_taken(study: Study, out: Path) -> LookTaken:
    """Return the current look for the report, which states if there were more looks than planned."""
    return LookTaken(look_number(out, study.seeds), study.evaluate.looks, look_of(study, out).significance())


def extended(out: Path, more: int, *, unannounced: bool = False) -> Study:
    """Return a study with additional seeds after its largest.

    Args:
        out: Directory of a study that was run.
        more: Number of seeds to add, at least 1.
        unannounced: Allow more looks than planned; the report states this.

    Raises:
        HilumError: No study there, fewer than one seed, or no planned look left.
    """
    study = study_of_run(out)
    if more < 1:
        raise HilumError("--seeds", expected="1 or more seeds to add", found=str(more), fix="Give the number of seeds.")
    taken = len(looks_taken(out))
    if taken >= study.evaluate.looks and not unannounced:
        raise HilumError(
            out,
            expected="a planned look that was not taken yet",
            found=f"{taken} of {study.evaluate.looks} taken (evaluate.looks)",
            fix="Run a new study with more seeds and a plan of the looks; or add --unannounced, and the report states "
            "that there were more looks than planned.",
        )
    first = max(study.seeds) + 1
    return study.model_copy(update={"seeds": [*study.seeds, *range(first, first + more)]})
