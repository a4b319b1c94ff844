"""Checks of fine-tuning settings in a raw study file: combinations of settings, encoders, published classifiers.

They read the raw file, so that their problems are reported together with those of single fields.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError
from hilum.findings import canonical
from hilum.finetuning.settings import check_own_head
from hilum.study.file.finetuning import combination_problems
from hilum.study.file.tasks_problems import Place, Problem, encoder_of, section, tasks_of_arm


def finetuning_problems(content: Mapping[str, Any], name: str, arm: Mapping[str, Any]) -> Iterator[Problem]:
    """Find all problems of one arm's fine-tuning.

    Args:
        content: Raw study file.
        name: Name of the arm.
        arm: Raw section of the arm.
    """
    yield from _together(content, name, arm)
    tuning = arm.get("finetune")
    if tuning == "none" or (isinstance(tuning, dict) and tuning.get("train") is False):
        yield from _as_published(content, ("arms", name, "finetune"), arm)


def _together(content: Mapping[str, Any], name: str, arm: Mapping[str, Any]) -> Iterator[Problem]:
    general, own = section(content, "finetune"), section(arm, "finetune")
    messages: list[tuple[str, str]] = []
    for multiclass in {task.get("classes") == "multiclass" for task in tasks_of_arm(arm, content)}:
        messages += combination_problems(general, own, multiclass=multiclass)
    encoder = encoder_of(arm, content)
    if (own.get("head") or general.get("head")) == "own" and encoder in ARCHITECTURES:
        try:
            check_own_head(encoder)
        except HilumError as error:
            messages.append(("head", f"expected {error.expected}; found {error.found}"))
    for key, message in dict.fromkeys(messages):
        yield Problem(("arms", name, "finetune", key) if key in own else ("finetune", key), message)


def _as_published(content: Mapping[str, Any], place: Place, arm: Mapping[str, Any]) -> Iterator[Problem]:
    """Check that the weights have a classifier for the findings of the tasks."""
    from hilum.encoders.published import published_weights  # slow import

    init, start = arm.get("init", "random"), arm.get("start")
    if isinstance(start, str):
        init = section(section(content, "starts"), start).get("weights", "random")
    rows = published_weights()
    with_classifier = ", ".join(each for each, row in rows.items() if row.findings)
    if not isinstance(init, str) or init not in rows or not rows[init].findings:
        hint = f"init: {with_classifier}"
        yield Problem(place, "nothing is trained, and the arm's weights have no classifier", hint)
        return
    for task in tasks_of_arm(arm, content):
        if task.get("classes") == "multiclass":
            yield Problem(place, "published classifiers are multilabel, and the task is multiclass")
        lacking = [each for each in _known_findings(task.get("findings")) if each not in rows[init].findings]
        if lacking:
            hint = f"it has {', '.join(rows[init].findings)}"
            yield Problem(place, f"the classifier of {init} does not score {', '.join(lacking)}", hint)


def _known_findings(names: object) -> Iterator[str]:
    for name in names if isinstance(names, list) else []:
        try:
            yield canonical(str(name))
        except HilumError:
            continue  # reported elsewhere
