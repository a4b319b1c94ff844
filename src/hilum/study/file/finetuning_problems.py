"""Problems of a study file that concern training with labels: settings that do not go together, or not with an encoder,
and classifiers that are scored as they were published.

Read from the raw file, so that they show beside the problems of single fields.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError
from hilum.findings import canonical
from hilum.finetuning.settings import check_own_head
from hilum.study.file.finetuning import combination_problems
from hilum.study.file.tasks_problems import Place, Problem, encoder_of, section


def finetuning_problems(content: Mapping[str, Any], name: str, arm: Mapping[str, Any]) -> Iterator[Problem]:
    """All that is wrong with one arm's training with labels.

    Args:
        content: the raw file.
        name: of the arm.
        arm: its raw section.
    """
    yield from _together(content, name, arm)
    messages = arm.get("finetune")
    if messages == "none" or (isinstance(messages, dict) and messages.get("train") is False):
        yield from _as_published(content, ("arms", name, "finetune"), arm)


def _tasks_of(content: Mapping[str, Any], arm: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The raw tasks that an arm runs on."""
    tasks, chosen = section(content, "tasks"), arm.get("tasks")
    if not tasks:
        return [section(content, "task")]
    named = chosen if isinstance(chosen, list) else list(tasks)
    return [section(tasks, each) for each in named if isinstance(each, str)]


def _together(content: Mapping[str, Any], name: str, arm: Mapping[str, Any]) -> Iterator[Problem]:
    general, own = section(content, "finetune"), section(arm, "finetune")
    messages: list[tuple[str, str]] = []
    for multiclass in {task.get("classes") == "multiclass" for task in _tasks_of(content, arm)}:
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
    """Weights with a classifier of the findings of the tasks."""
    from hilum.encoders.published import published_weights  # takes longer than reading a file

    init, start = arm.get("init", "random"), arm.get("start")
    if isinstance(start, str):
        init = section(section(content, "starts"), start).get("weights", "random")
    rows = published_weights()
    with_one = ", ".join(each for each, row in rows.items() if row.findings)
    if not isinstance(init, str) or init not in rows or not rows[init].findings:
        yield Problem(place, "nothing is trained, and the arm's weights come without a classifier", f"init: {with_one}")
        return
    for task in _tasks_of(content, arm):
        if task.get("classes") == "multiclass":
            yield Problem(place, "a published classifier scores each finding by itself, and classes are exclusive")
        lacking = [each for each in _known_findings(task.get("findings")) if each not in rows[init].findings]
        if lacking:
            hint = f"it has {', '.join(rows[init].findings)}"
            yield Problem(place, f"the classifier of {init} does not score {', '.join(lacking)}", hint)


def _known_findings(names: object) -> Iterator[str]:
    for name in names if isinstance(names, list) else []:
        try:
            yield canonical(str(name))
        except HilumError:
            continue  # found elsewhere
