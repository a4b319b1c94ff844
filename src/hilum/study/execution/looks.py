"""Looks at a study's results: which seeds were judged when, so that adding seeds until something shows is paid for."""

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
"""In a study's directory: the seeds of each look, first to last. The same seeds judged again are the same look."""


def looks_taken(out: Path) -> list[list[int]]:
    """Seeds of each look so far."""
    path = out / LOOKS
    return list(json.loads(path.read_text(encoding="utf-8"))["looks"]) if path.is_file() else []


def look_number(out: Path, seeds: Sequence[int]) -> int:
    """Which look it is to judge these seeds, from 1."""
    taken = looks_taken(out)
    own = sorted(seeds)
    return taken.index(own) + 1 if own in taken else len(taken) + 1


def record_look(out: Path, seeds: Sequence[int]) -> None:
    """Keep in the study's directory that these seeds were judged."""
    taken = looks_taken(out)
    if sorted(seeds) not in taken:
        write_json(out / LOOKS, {"looks": [*taken, sorted(seeds)]})


def look_of(study: Study, out: Path) -> Look:
    """The look that judging this study now is; the last announced one where there were more already."""
    announced = study.evaluate.looks
    return Look(min(look_number(out, study.seeds), announced), announced, study.evaluate.spending)


def look_taken(study: Study, out: Path) -> LookTaken:
    """The same for the report, which also says where there were more looks than announced."""
    return LookTaken(look_number(out, study.seeds), study.evaluate.looks, look_of(study, out).significance())


def extended(out: Path, more: int, *, unannounced: bool = False) -> Study:
    """The study of a directory with further seeds, the next ones after its largest.

    Args:
        out: directory of a study that was run.
        more: how many seeds to add, at least 1.
        unannounced: also where all announced looks are taken; the report then says so.

    Raises:
        HilumError: no study there, fewer than one seed, or no look left.
    """
    study = study_of_run(out)
    if more < 1:
        raise HilumError("--seeds", expected="1 or more seeds to add", found=str(more), fix="Say how many to add.")
    taken = len(looks_taken(out))
    if taken >= study.evaluate.looks and not unannounced:
        raise HilumError(
            out,
            expected="a look that was announced and not taken yet",
            found=f"{taken} of {study.evaluate.looks} taken (evaluate.looks)",
            fix="Run a new study with more seeds, announcing the looks; or add --unannounced, and the report says that "
            "the results were looked at more often than announced.",
        )
    first = max(study.seeds) + 1
    return study.model_copy(update={"seeds": [*study.seeds, *range(first, first + more)]})
