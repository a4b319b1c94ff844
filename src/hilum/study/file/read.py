"""Reader of study files; reports all problems at once, each with its line and a suggested fix."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hilum.augment import AUGMENTATIONS
from hilum.data.recipe import parse_recipe
from hilum.declared import problem_text
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.errors import HilumError, HilumErrors
from hilum.extensions import METRICS, added
from hilum.findings import COLLECTIONS
from hilum.pretext.methods import METHOD_SETTINGS, method_problems
from hilum.renamed import RENAMED_KEYS, RENAMED_SETTINGS, renamed_value
from hilum.study.file.finetuning import Finetuning
from hilum.study.file.finetuning_problems import finetuning_problems
from hilum.study.file.pretraining import with_addresses
from hilum.study.file.protocol import published_overrides
from hilum.study.file.schema import Study
from hilum.study.file.sweep import sweep_problems, with_label_fractions
from hilum.study.file.tasks_problems import (
    Place,
    Problem,
    chain_problems,
    encoder_of,
    inits_in,
    known_names,
    nearest,
    pool_problems,
    section,
    tasks_problems,
    with_pools,
)
from hilum.threshold_rule import specificity_of
from hilum.yaml_loader import SafeLoader

_MOST_BYTES, _MOST_VALUES, _MOST_LETTERS, _DEEPEST = 4_000_000, 100_000, 200, 50

_OF_TAGS = (ValueError, TypeError, KeyError, AttributeError, OverflowError)
"""Errors of PyYAML for values that do not match their tag, such as `!!int x`."""


class Yaml12Loader(SafeLoader):
    """Loader with the booleans and numbers of YAML 1.2: `on` is a string, `1e-4` is a number."""


Yaml12Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float", ":timestamp"))]
    for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
}
_BOOL = re.compile(r"^(?:true|false)$", re.IGNORECASE)
_FLOAT = re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$")
Yaml12Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, "tTfF")
Yaml12Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, "-+0123456789.")


class _Yaml12Dumper(yaml.SafeDumper):
    """Dumper whose output `Yaml12Loader` and YAML 1.1 loaders read alike: strings that look like numbers are quoted."""


for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", _BOOL, "tTfF"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+0123456789."),
):
    _Yaml12Dumper.add_implicit_resolver(_tag, _pattern, _first)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Escape Unicode line breaks, which PyYAML would otherwise read as blanks."""
    style = '"' if any(letter in text for letter in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Yaml12Dumper.add_representer(str, _text_node)


def as_yaml(study: Study) -> str:
    """Return a study as YAML, overrides applied, defaults omitted; `parse_study` reads the same study from it."""
    written = study.model_dump(mode="json", exclude_unset=True)
    return yaml.dump(written, Dumper=_Yaml12Dumper, sort_keys=False, allow_unicode=True)


def read_study(path: Path, overrides: Sequence[str] = ()) -> Study:
    """Read and check a study file.

    Args:
        path: Path of the YAML file.
        overrides: `KEY=VALUE` with a dotted key (`finetune.epochs=3`, `arms.scratch.encoder=resnet50`) and a YAML
            value; they override the file.

    Raises:
        HilumErrors: All problems of the file, in the order of its lines.
    """
    return parse_study(_text_of(path), where=path, overrides=overrides)


def study_of_run(out: Path) -> Study:
    """Read the study file of a run.

    Args:
        out: Directory of the study (`--out` of `hilum study run`).

    Raises:
        HilumError: The directory has no study.yaml.
    """
    path = out / "study.yaml"
    if not path.is_file():
        fix = "Give the --out of `hilum study run`."
        raise HilumError(out, expected="the directory of a study (with study.yaml)", found="none there", fix=fix)
    return read_study(path)


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            found = f"more than {_MOST_BYTES:,} bytes"
            raise HilumError(path, expected="a study file", found=found, fix="Check the path.")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise HilumError(path, expected="a study file", found="no file", fix="Check the path.") from None
    except (OSError, ValueError) as error:  # a folder, no permission, another encoding, NUL in the name
        raise HilumError(path, expected="a YAML file in UTF-8", found=str(error), fix="Check the path.") from None


def parse_study(text: str, *, where: object, overrides: Sequence[str] = ()) -> Study:
    """Parse and check the text of a study file; see `read_study`."""
    tree, content = _read_yaml(text, where)
    if not isinstance(content, dict) or tree is None:
        raise HilumError(
            where,
            expected="a study (question, data, task, arms, …)",
            found="something else",
            fix="See docs/reference/study_file.md.",
        )
    overridden = [_override(content, override) for override in [*published_overrides(content, overrides), *overrides]]
    with_pools(content)
    with_label_fractions(content)
    for part in ("arms", "starts"):
        with_addresses(content.get(part))
    problems = [*_repeated_keys(tree), *_unwritable(content), *_cross_problems(content)]
    study = None
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        problems += [_translate(detail, content) for detail in error.errors()]
    if study is None or problems:
        lines = sorted({_line_of(problem, tree, overridden) for problem in problems})
        raise HilumErrors(where, [text for _, text in lines], fix="nothing was run")
    return study


def _read_yaml(text: str, where: object) -> tuple[yaml.Node | None, Any]:
    """Return the YAML nodes, with line numbers, and the content."""
    try:
        _check_depth(text)
        tree = yaml.compose(text, Loader=Yaml12Loader)
        if tree is not None:
            _check_size(tree)
        return tree, yaml.load(text, Loader=Yaml12Loader)
    except (yaml.YAMLError, *_OF_TAGS) as error:
        found = _shortened(" ".join(str(error).split()))
        raise HilumError(where, expected="a YAML file", found=found, fix="Fix the YAML.") from None


def _check_depth(text: str) -> None:
    """Refuse deep nesting, which would exceed the recursion limit."""
    depth = 0
    for event in yaml.parse(text, Loader=Yaml12Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"nested more than {_DEEPEST} levels deep")


def _check_size(tree: yaml.Node) -> None:
    """Refuse aliases that contain themselves or expand to very many values."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = _MOST_VALUES + 1  # provisional: a node inside itself has no end
            inside: list[yaml.Node] = []
            if isinstance(node, yaml.MappingNode):
                inside = [each for pair in node.value for each in pair]
            elif isinstance(node, yaml.SequenceNode):
                inside = node.value
            sizes[id(node)] = 1 + sum(map(size, inside))
        return sizes[id(node)]

    if size(tree) > _MOST_VALUES:
        raise yaml.YAMLError(f"more than {_MOST_VALUES:,} values after expansion of aliases")


def _override(content: dict[str, Any], override: str) -> Place:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise HilumError(
            f"--set {override}", expected="KEY=VALUE", found="no '='", fix="Write for example --set finetune.epochs=3."
        )
    place = tuple(key.split("."))
    target: Any = content
    for depth, name in enumerate(place[:-1]):
        if isinstance(target, dict):
            target = target.setdefault(name, {})
        if not isinstance(target, dict):
            at = ".".join(place[: depth + 1])
            raise HilumError(
                f"--set {override}", expected="a key inside a section", found=f"{at} is a value", fix="Check the key."
            )
    target[place[-1]] = _read_yaml(value, f"--set {override}")[1]
    return place


def _repeated_keys(node: yaml.Node, place: Place = ()) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            if key.value in seen:
                message, line = f"is repeated, first in line {seen[key.value]}", key.start_mark.line + 1
                yield Problem((*place, key.value), message, "keep one", line)
            seen.setdefault(key.value, key.start_mark.line + 1)
            yield from _repeated_keys(value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _repeated_keys(value, (*place, index))


def _unwritable(content: Any, place: Place = ()) -> Iterator[Problem]:
    """Find strings that UTF-8 cannot encode, such as lone surrogates; a study file is copied at the start of a run."""
    if isinstance(content, str):
        try:
            content.encode("utf-8")
        except UnicodeEncodeError:
            yield Problem(place, f"{_shortened(ascii(content))} cannot be encoded in UTF-8")
    elif isinstance(content, dict):
        for key, value in content.items():
            yield from _unwritable(key, place)
            yield from _unwritable(value, (*place, key))
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _unwritable(value, (*place, index))


def _cross_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find problems between fields, in the raw file."""
    data, arms = section(content, "data"), section(content, "arms")
    yield from tasks_problems(content)
    yield from pool_problems(content)
    yield from chain_problems(content)
    general = section(content, "finetune").get("unfreeze")
    for place, init in inits_in(content):
        on = init.get("on")
        for each in on if isinstance(on, list | dict) else [on]:
            if isinstance(each, str) and each not in data:
                yield Problem((*place, "on"), f"{each!r} is not a data set of this study", known_names(data))
        yield from _method_problems(place, init)
        settings = section(content, "pretrain") | init
        if settings.get("optimizer") in ("sgd", "lars") and settings.get("lr") is None:
            message = f"{settings['optimizer']} with a preset's learning rate, which is for AdamW"
            yield Problem(place, message, "set lr, here or under pretrain")
    named = [(("starts", name, "encoder"), raw) for name, raw in section(content, "starts").items()]
    for place, raw in [(("arms", name, "encoder"), raw) for name, raw in arms.items()] + named:
        encoder = raw.get("encoder") if isinstance(raw, dict) else None
        if isinstance(encoder, str) and encoder and encoder not in ARCHITECTURES:
            yield Problem(place, f"{encoder!r} is not an encoder", nearest(encoder, ARCHITECTURES))
    for name, raw in arms.items():
        arm = raw if isinstance(raw, dict) else {}
        architecture = ARCHITECTURES.get(encoder_of(arm, content))
        yield from finetuning_problems(content, name, arm)
        own = section(arm, "finetune").get("unfreeze")
        blocks, where = (own, ("arms", name, "finetune", "unfreeze")) if own is not None else (general, _GENERAL)
        if architecture and isinstance(blocks, int) and blocks > architecture.blocks:
            message = f"{blocks} blocks, but {architecture.name} has {architecture.blocks}"
            yield Problem(where, message, f"use 0 to {architecture.blocks}, or all")
    yield from sweep_problems(content, Finetuning)
    yield from _size_problems(content, arms)
    yield from _name_problems(content, arms)
    yield from _metric_problems(content)
    for name, raw in data.items():
        collection = raw.get("collection") if isinstance(raw, dict) else None
        if isinstance(collection, str) and collection not in COLLECTIONS:
            hint = nearest(collection, list(COLLECTIONS))
            yield Problem(("data", name, "collection"), f"{collection!r} is not a collection", hint)


def _metric_problems(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Find unknown metrics; by names alone, without importing extension packages."""
    metrics = section(content, "evaluate").get("metrics")
    for index, metric in enumerate(metrics if isinstance(metrics, list) else []):
        if isinstance(metric, str) and specificity_of(metric) is None and metric not in added(METRICS):
            place: Place = ("evaluate", "metrics", index)
            known = ["sensitivity_at_specificity_0.9", *added(METRICS)]
            yield Problem(place, f"{metric!r} is none of {', '.join(known)}", nearest(metric, known))


def _size_problems(content: Mapping[str, Any], arms: Mapping[str, Any]) -> Iterator[Problem]:
    """Find image sizes that an arm's encoder does not support."""
    try:
        stored = parse_recipe(content.get("preprocess", [])).size
    except HilumError:
        return  # reported elsewhere
    general = section(content, "finetune").get("size")
    for name, raw in arms.items():
        arm = raw if isinstance(raw, dict) else {}
        encoder = encoder_of(arm, content)
        size = section(arm, "finetune").get("size") or general or stored
        if encoder in ARCHITECTURES and isinstance(size, int):
            try:
                ARCHITECTURES[encoder].padded(size)
            except HilumError as error:
                hint = "set resize, or finetune.size"
                yield Problem(("arms", name), f"{encoder} takes {error.expected}, not {size} px", hint)


def _name_problems(content: Mapping[str, Any], arms: Mapping[str, Any]) -> Iterator[Problem]:
    """Find unknown preprocessing steps and augmentations."""
    if isinstance(content.get("preprocess"), list | str):
        try:
            parse_recipe(content["preprocess"])
        except HilumError as error:
            yield Problem(("preprocess",), f"expected {error.expected}; found {error.found}", error.fix)
    places: list[Place] = [("pretrain",), ("finetune",)]
    places += [("arms", name, part) for name in arms for part in ("finetune", "init")]
    places += [("starts", name) for name in section(content, "starts")]
    for place in places:
        settings: Any = content
        for part in place:
            settings = section(settings, str(part))
        for key in ("augmentation", "second_augmentation", "local_augmentation"):
            augmentation = settings.get(key)
            if isinstance(augmentation, str) and augmentation not in AUGMENTATIONS:
                hint = nearest(augmentation, AUGMENTATIONS)
                yield Problem((*place, key), f"{augmentation!r} is not an augmentation", hint)


def _method_problems(place: Place, init: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the method of a pretraining and its settings."""
    method = init.get("pretrain")
    if not isinstance(method, str):
        return
    if method not in METHOD_SETTINGS:
        hint = nearest(method, METHOD_SETTINGS)
        yield Problem((*place, "pretrain"), f"{method!r} is not one of {', '.join(METHOD_SETTINGS)}", hint)
    elif isinstance(init.get("settings"), dict):
        known = f"known settings: {', '.join(METHOD_SETTINGS[method].model_fields)}"
        for key, message in method_problems(method, init["settings"]):
            yield Problem((*place, "settings", key), message, known)


_GENERAL: Place = ("finetune", "unfreeze")


def _translate(detail: ErrorDetails, content: Mapping[str, Any]) -> Problem:
    place = tuple(part for part in detail["loc"] if not (isinstance(part, str) and part[:1] in ("<", "[")))
    found, kind = detail["input"], detail["type"]
    if kind == "extra_forbidden" and (new := _renamed_key(place, content)):
        number = isinstance(found, int | float) and not isinstance(found, bool)
        as_fraction = f": {found / 100:g}" if place[-1] == "labelled" and number else ""
        return Problem(place, f"was renamed to {new}", f"write {_renamed_value(new, found)}{as_fraction}")
    if kind == "extra_forbidden":
        return Problem(place, "is not a known key", nearest(str(place[-1]), _fields_at(place[:-1], content)))
    if kind == "missing":
        return Problem(place, "is missing", "see docs/reference/study_file.md")
    shown = _shortened(repr(found))
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        if new := renamed_value(str(place[-1]), found):
            return Problem(place, f"{found} was renamed to {new}", f"write {new}")
        return Problem(place, f"{shown} is not one of {', '.join(words)}", nearest(_shortened(str(found)), words))
    return Problem(place, _shortened(problem_text(detail)))


def _renamed_value(new: str, found: object) -> str:
    """Return the new key, with its new value if that changed too."""
    return f"{new}: {'none' if found is False else 'balanced'}" if new == "class_weights" else new


def _renamed_key(place: Place, content: Mapping[str, Any]) -> str:
    """Return the current name of a renamed key; empty if it was not renamed."""
    key = str(place[-1])
    new = RENAMED_KEYS.get((_section_of(place), key)) or RENAMED_SETTINGS.get(key, "")
    return new if new and (key not in RENAMED_SETTINGS or new in _fields_at(place[:-1], content)) else ""


def _section_of(place: Place) -> str:
    if len(place) == 3 and place[0] == "tasks":
        return "task"
    return str(place[-2]) if len(place) > 1 else ""


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]} …"


def _fields_at(place: Place, content: Mapping[str, Any]) -> list[str]:
    """Return the keys of the schema at a place."""
    model: Any = Study
    for part in place:
        annotation = model.model_fields[part].annotation if part in getattr(model, "model_fields", {}) else model
        models = list(_models_in(annotation))
        if not models:
            return []
        raw = content.get(str(part)) if isinstance(content, Mapping) else None
        content = raw if isinstance(raw, dict) else {}
        model = next((m for m in models if set(content) & set(m.model_fields)), models[0])
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[Any]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def _line_of(problem: Problem, tree: yaml.Node, overridden: Sequence[Place]) -> tuple[int, str]:
    """Return (line, text) of a problem; the line is 0 for overrides."""
    name = ".".join(str(part) for part in problem.place) or "(whole file)"
    hint = f"    {problem.hint}" if problem.hint else ""
    if any(problem.place[: len(place)] == place for place in overridden):
        return 0, f"--set    {name}: {problem.message}{hint}"
    node, line = tree, tree.start_mark.line + 1
    for part in problem.place:
        found = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part], node.value[part]
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    line = problem.line or line
    return line, f"line {line:<3} {name}: {problem.message}{hint}"
