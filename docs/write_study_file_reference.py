"""Write docs/study_file.md from the models that study files are checked against."""

import types
import typing
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hilum.augment import ViewPolicy
from hilum.pretext.methods import METHODS
from hilum.pretext.settings import RunSettings
from hilum.study.file import explain as explain_schema
from hilum.study.file import schema
from hilum.study.file import sweep as sweep_schema
from hilum.study.file import task as task_schema

TARGET = Path(__file__).with_name("study_file.md")
SECTIONS = (
    schema.Study,
    schema.DataSet,
    schema.Generated,
    task_schema.Task,
    task_schema.ChosenImages,
    task_schema.Sides,
    task_schema.PatientSplit,
    task_schema.ListedSplit,
    task_schema.PaperSplit,
    schema.Arm,
    schema.Pretrained,
    schema.Pretraining,
    schema.Finetuning,
    sweep_schema.Sweep,
    schema.Evaluation,
    explain_schema.Explaining,
)
OPENING = """# The study file

One YAML file describes a whole comparison. This page is generated from the models that files are checked against
(`make docs`); shipped examples are in [`studies/`](../studies). Every mistake in a file is told at once, with its line:
`hilum study plan FILE` checks a file and runs nothing. Where tables name images whose file is not there, `plan` and
`run` stop and say how many; `--allow-missing` goes on without them.

`hilum study check FILE` runs every step in miniature, for seconds and in a temporary directory: one arm for each
encoder, start and way of fine-tuning, a few images of each finding, one epoch, one seed. All problems are told at once,
with arm and step. `run` begins with it, unless with `--no-check`, in several processes, or where the same study was
tried in that directory before. Not tried is the memory that whole batches take.

One process writes a study's directory at a time: `.NAME.lock` beside it says which; a second run says so and changes
nothing. The page is a step like the others: where it failed, the next run makes it alone. An arm whose training
diverges or collapses ends as such, is not tried again with the same settings, and stands in no table; `hilum study
status` and the page name it with the keys that can change it, and the other arms go on. Where it was the arm that
others are compared with, the first of the others takes its place.
"""
METHODS_OPENING = """What goes under `settings` of a pretraining, such as
`init: {pretrain: dino, on: ours, settings: {prototypes: 2048}}`. Presets give some of them for the number of images;
`hilum study plan` says which.
"""


def reference() -> str:
    """The page, as Markdown."""
    lines = [OPENING, *(line for section in SECTIONS for line in _section(section))]
    lines += ["## Settings of the methods\n", METHODS_OPENING]
    for name, method in METHODS.items():
        lines += [f"### {name}\n", f"{method.title}.\n", *_table(method.settings)]
    return "\n".join(lines)


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield f"## {model.__name__}\n"
    yield f"{(model.__doc__ or '').strip()}\n"
    if model is schema.Pretrained:
        yield from _table(model, but=RunSettings.model_fields)
        yield "Every key of [Pretraining](#pretraining) but `seeds` may stand here, too, instead of the study's.\n"
    else:
        yield from _table(model)


def _table(model: type[BaseModel], but: Container[str] = ()) -> Iterator[str]:
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        if name in but:
            continue
        bounds = [_bound(constraint) for constraint in field.metadata]
        values = " ".join([_values(field.annotation), *(bound for bound in bounds if bound)])
        yield f"| `{name}` | {values} | {_default(field.default)} | {field.description} |"
    yield ""


def _values(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _values(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_values(argument) for argument in arguments)
    if origin is list:
        return f"list of {_values(arguments[0])}"
    if origin is tuple:
        return f"[{', '.join(_values(argument) for argument in arguments)}]"
    if origin is dict:
        return f"name: {_values(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    if annotation is ViewPolicy:
        return "[ranges](augmentations.md)"
    words = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Path: "path", Any: "step"}
    return "`null`" if annotation is type(None) else words[annotation]


def _bound(constraint: Any) -> str:
    for attribute, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
        if hasattr(constraint, attribute):
            return f"{sign} {getattr(constraint, attribute)}"
    return ""


def _default(default: Any) -> str:
    if default is PydanticUndefined:
        return "**required**"
    if isinstance(default, BaseModel):
        return "its defaults"
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    TARGET.write_text(reference() + "\n", encoding="utf-8")
