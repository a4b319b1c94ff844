"""Checks of names and key combinations in a raw study file: tasks, data sets, pools, starts, arms and pairs.

They read the raw file, so that their problems are reported together with those of single fields.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.findings import COLLECTIONS, labelled_by
from hilum.renamed import similar_name

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One problem of a study file.

    Attributes:
        place: Keys and list positions from the top of the file.
        message: Description of the problem.
        hint: Suggested fix, or empty.
        line: Line number, if not that of the first such key.
    """

    place: Place
    message: str
    hint: str = ""
    line: int | None = None


def tasks_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find all problems between tasks, data sets, starts, arms and pairs."""
    data, arms, starts = section(content, "data"), section(content, "arms"), section(content, "starts")
    tasks = section(content, "tasks")
    if "task" in content and tasks:
        yield Problem(("tasks",), "task and tasks are both set", "keep one")
    if not content.get("task") and not content.get("tasks"):
        yield Problem(("task",), "is missing", "write task, or tasks by name; see docs/reference/study_file.md")
    named: list[tuple[Place, Any]] = [(("tasks", name), raw) for name, raw in tasks.items()]
    one: list[tuple[Place, Any]] = [(("task",), content["task"])] if "task" in content else []
    for place, task in [*one, *named]:
        yield from _task_problems(place, task if isinstance(task, dict) else {}, data)
    for name, raw in arms.items():
        arm = raw if isinstance(raw, dict) else {}
        yield from _arm_problems(("arms", name), arm, starts, tasks)
        yield from _features_problems(("arms", name, "features"), arm, content)
    for place, init in _starts_in(content):
        if "supervise" in init:
            yield from _supervised_problems(place, init, data, tasks, content)
    yield from _pair_problems(content, arms, tasks)


def _task_problems(place: Place, task: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Problem]:
    on = task.get("on")
    if isinstance(on, str) and on not in data:
        yield Problem((*place, "on"), f"{on!r} is not a data set of this study", known_names(data))
    if on is None and len(data) > 1:
        yield Problem(place, "several data sets, and 'on' does not name the labelled one", known_names(data))
    home = on if isinstance(on, str) else next(iter(data), None)
    test_on = task.get("test_on")
    for other in test_on if isinstance(test_on, list | dict) else []:
        if isinstance(other, str) and other not in data:
            yield Problem((*place, "test_on"), f"{other!r} is not a data set of this study", known_names(data))
        elif other == home:
            yield Problem((*place, "test_on"), f"{other!r} is the task's own data set", "it is always tested on")
        elif isinstance(other, str) and isinstance(task.get("findings"), list):
            yield from _shared_problems((*place, "test_on"), task, other, data)
    split = section(task, "split")
    if split.get("column") not in (None, "split") and isinstance(home, str):
        collection = section(data, home).get("collection")
        if isinstance(collection, str) and collection != "folder":
            yield Problem((*place, "split", "column"), f"{collection} has no such column", "name the column split")


def _shared_problems(place: Place, task: Mapping[str, Any], other: str, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Check that another data set labels at least one finding of a task."""
    collection = section(data, other).get("collection")
    findings = [each for each in task["findings"] if isinstance(each, str)]
    if collection in COLLECTIONS and collection != "folder" and findings:
        known = {bare.lower() for pair in labelled_by(collection).items() for bare in pair}
        if not any(finding.lower().replace("_", " ") in known for finding in findings):
            yield Problem(place, f"{other!r} labels none of the findings of the task", "name another data set")


def _arm_problems(
    place: Place,
    arm: Mapping[str, Any],
    starts: Mapping[str, Any],
    tasks: Mapping[str, Any],
) -> Iterator[Problem]:
    start = arm.get("start")
    if arm.get("features") is not None:
        for key in ("encoder", "start", "init", "finetune", "sweep"):
            if key in arm:
                yield Problem((*place, key), "is not allowed beside features, which are not trained", "keep one")
        return
    if start is None and "encoder" not in arm:
        yield Problem((*place, "encoder"), "is missing", "name an architecture, a start of `starts`, or features")
    if start is not None:
        if isinstance(start, str) and start not in starts:
            yield Problem((*place, "start"), f"{start!r} is not a start of this study", known_names(starts))
        for key in ("encoder", "init"):
            if key in arm:
                yield Problem((*place, key), f"is not allowed beside start, which sets the {key}", "keep one")
    for name in arm["tasks"] if isinstance(arm.get("tasks"), list) else []:
        if isinstance(name, str) and name not in tasks:
            yield Problem((*place, "tasks"), f"{name!r} is not a task of this study", known_names(tasks))


def _features_problems(place: Place, arm: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find feature tables of unknown data sets, and data sets of the arm's tasks without a table."""
    table = section(arm, "features").get("table")
    if not isinstance(table, dict):
        return
    data = section(content, "data")
    for name in table:
        if name not in data:
            yield Problem((*place, "table", name), f"{name!r} is not a data set of this study", known_names(data))
    every = [part for name in _data_of_arm(arm, content) for part in _words(section(data, name).get("pool")) or [name]]
    for name in every:
        if name in data and name not in table:
            yield Problem((*place, "table"), f"{name!r} has no table", f"add {name}: FILE")


def _data_of_arm(arm: Mapping[str, Any], content: Mapping[str, Any]) -> list[str]:
    """Return the data sets of an arm's tasks, external test sets included."""
    names: list[Any] = []
    for task in tasks_of_arm(arm, content):
        on, test_on = task.get("on") or next(iter(section(content, "data")), ""), task.get("test_on")
        names += [*(on if isinstance(on, list) else [on]), *(test_on if isinstance(test_on, list | dict) else [])]
    return list(dict.fromkeys(each for each in names if isinstance(each, str)))


def tasks_of_arm(arm: Mapping[str, Any], content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the raw sections of the tasks that an arm is trained on."""
    tasks, chosen = section(content, "tasks"), arm.get("tasks")
    if not tasks:
        return [section(content, "task")]
    named = chosen if isinstance(chosen, list) else list(tasks)
    return [section(tasks, each) for each in named if isinstance(each, str)]


def inits_in(content: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every self-supervised pretraining of a raw study file, with its place."""
    for place, raw in _starts_in(content):
        if "supervise" not in raw and "weights" not in raw:
            yield place, raw


def _starts_in(content: Mapping[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Yield every start that is a section, nested ones included, with its place."""
    places: list[tuple[Place, Any]] = [(("starts", name), raw) for name, raw in section(content, "starts").items()]
    for name, raw in section(content, "arms").items():
        places.append((("arms", name, "init"), raw.get("init") if isinstance(raw, dict) else None))
    for place, raw in places:
        while isinstance(raw, dict):
            yield place, raw
            place, raw = (*place, "start"), raw.get("start")


def chain_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find chains of starts that are circular or change the encoder."""
    starts = section(content, "starts")
    for place, raw in _starts_in(content):
        before = raw.get("start")
        if not isinstance(before, str) or before not in starts:
            continue
        own = section(section(content, str(place[0])), str(place[1]))
        encoders = own.get("encoder"), section(starts, before).get("encoder")
        if all(isinstance(each, str) for each in encoders) and encoders[0] != encoders[1]:
            yield Problem((*place, "start"), f"{before!r} is of {encoders[1]}, not {encoders[0]}", "use one encoder")
    for name in starts:
        seen, at = [name], _before_of(starts, name)
        while at is not None and at not in seen:
            seen.append(at)
            at = _before_of(starts, at)
        if at is not None and at == name:  # names that are not text are reported elsewhere
            message = f"starts from itself: {' from '.join([*seen, name])}"
            yield Problem(("starts", name, "start"), message, "start the chain with random or published weights")


def _before_of(starts: Mapping[str, Any], name: str) -> str | None:
    """Return the named start at the beginning of a chain of starts; None without one."""
    raw: Any = section(starts, name)
    while isinstance(raw, dict):
        raw = raw.get("start")
    return raw if isinstance(raw, str) and raw in starts else None


def _supervised_problems(
    place: Place, init: Mapping[str, Any], data: Mapping[str, Any], tasks: Mapping[str, Any], content: Mapping[str, Any]
) -> Iterator[Problem]:
    supervise = init["supervise"]
    if isinstance(supervise, str) and supervise not in tasks:
        hint = known_names(tasks) if tasks else "write {on: DATA, findings: shared}"
        yield Problem((*place, "supervise"), f"{supervise!r} is not a task of this study", hint)
    if isinstance(supervise, dict) and isinstance(supervise.get("on"), str):
        if supervise["on"] not in data:
            at = (*place, "supervise", "on")
            yield Problem(at, f"{supervise['on']!r} is not a data set of this study", known_names(data))
        elif supervise.get("findings") == "shared":
            named = list(tasks.items()) or [("task", section(content, "task"))]
            for _, task in named:
                if isinstance(task, dict) and isinstance(task.get("findings"), list):
                    yield from _shared_problems((*place, "supervise", "findings"), task, supervise["on"], data)


def _pair_problems(content: Mapping[str, Any], arms: Mapping[str, Any], tasks: Mapping[str, Any]) -> Iterator[Problem]:
    evaluate, compare = section(content, "evaluate"), content.get("compare")
    reference = evaluate.get("reference")
    if isinstance(reference, str) and reference not in arms:
        yield Problem(("evaluate", "reference"), f"{reference!r} is not an arm of this study", known_names(arms))
    if compare and reference is not None:
        yield Problem(("compare",), "is not allowed beside evaluate.reference", "keep one: pairs, or one arm for all")
    for index, pair in enumerate(compare if isinstance(compare, list) else []):
        for name in pair if isinstance(pair, list) else []:
            if isinstance(name, str) and name not in arms:
                yield Problem(("compare", index), f"{name!r} is not an arm of this study", known_names(arms))
        if isinstance(pair, list) and len(pair) == 2 and pair[0] == pair[1]:
            yield Problem(("compare", index), f"compares {pair[0]!r} with itself", "name two arms")
    for name in tasks:
        if not any(_is_trained_on(arm, name) for arm in arms.values()) and arms:
            yield Problem(("tasks", name), "no arm is trained on it", "add it to the tasks of an arm, or remove it")


def _is_trained_on(arm: object, task: str) -> bool:
    names = arm.get("tasks") if isinstance(arm, dict) else None
    return not isinstance(names, list) or task in names


def encoder_of(arm: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Return the architecture of an arm, or of its start; empty without one."""
    start = arm.get("start")
    named = section(content, "starts").get(start) if isinstance(start, str) else arm
    encoder = named.get("encoder") if isinstance(named, dict) else None
    return encoder if isinstance(encoder, str) else ""


def section(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a section of a raw study file; empty if it is missing or not a section."""
    part = content.get(key) if isinstance(content, Mapping) else None
    return part if isinstance(part, dict) else {}


def known_names(names: Mapping[str, Any]) -> str:
    """Return a hint that lists the known names."""
    return f"known here: {', '.join(map(str, names))}" if names else "there is none"


def nearest(word: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    """Return a hint with the most similar known word, or with all of them."""
    near = similar_name(word, known)
    return f"did you mean {near!r}?" if near else f"known here: {', '.join(known)}"


def with_pools(content: dict[str, Any]) -> None:
    """Add a pool to `data` for every task on several data sets, in place."""
    data = content.get("data")
    for task in [content.get("task"), *section(content, "tasks").values()]:
        on = task.get("on") if isinstance(task, dict) else None
        if isinstance(data, dict) and isinstance(on, list) and on and all(isinstance(name, str) for name in on):
            task["on"] = "+".join(on)
            if len(on) > 1:
                data.setdefault(task["on"], {"pool": on})


def pool_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find all problems of pools."""
    data = section(content, "data")
    pools = {name: raw["pool"] for name, raw in data.items() if isinstance(raw, dict) and "pool" in raw}
    for name, raw in data.items():
        if isinstance(raw, dict) and "collection" not in raw and "pool" not in raw:
            yield Problem(("data", name, "collection"), "is missing", "see docs/reference/study_file.md")
    for name, pool in pools.items():
        yield from _problems_of_pool(name, pool, data, pools)
    for place, init in inits_in(content):
        for each in _words(init.get("on")):
            if each in pools:
                yield Problem((*place, "on"), f"{each!r} is a pool of tasks", f"write on: {pools[each]}")
    yield from _problems_on_pool(("task",), section(content, "task"), pools)
    for name, raw in section(content, "tasks").items():
        yield from _problems_on_pool(("tasks", name), raw if isinstance(raw, dict) else {}, pools)


def _problems_of_pool(name: str, pool: object, data: Mapping[str, Any], pools: Mapping[str, Any]) -> Iterator[Problem]:
    single = known_names({each: None for each in data if each not in pools})
    for key in data[name]:
        if key != "pool":
            yield Problem(("data", name, key), "is not allowed beside pool", "set it for the data sets of the pool")
    parts = _words(pool)
    for part in dict.fromkeys(parts):
        if part not in data:
            yield Problem(("data", name, "pool"), f"{part!r} is not a data set of this study", single)
        elif part in pools:
            yield Problem(("data", name, "pool"), f"{part!r} is a pool itself", single)
        elif parts.count(part) > 1:
            yield Problem(("data", name, "pool"), f"{part!r} is listed twice", "keep one")
        elif ":" in part:
            hint = "rename the data set: images of pools are named PART:ID"
            yield Problem(("data", name, "pool"), f"{part!r} contains a colon", hint)


def _problems_on_pool(place: Place, task: Mapping[str, Any], pools: Mapping[str, Any]) -> Iterator[Problem]:
    on = task.get("on")
    parts = _words(pools.get(on)) if isinstance(on, str) else []
    if parts and section(task, "split").get("column") not in (None, "split"):
        yield Problem((*place, "split", "column"), "a pool has no such column", "name the column split")
    if parts and "paper" in section(task, "split"):
        yield Problem(
            (*place, "split", "paper"), "a paper's split applies to its own data set only", "use patients or lists"
        )
    for other in _words(task.get("test_on")):
        if other in pools or other in parts:
            hint = "results are always reported for each data set of a pool"
            yield Problem((*place, "test_on"), f"{other!r} is a pool, or one of the task's own data sets", hint)


def _words(value: object) -> list[str]:
    """Return the strings in a value, a list or the keys of a section; other types are reported elsewhere."""
    several = value if isinstance(value, list | dict) else [value]
    return [each for each in several if isinstance(each, str)]
