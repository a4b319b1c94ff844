"""Write docs/reference/study_file.md from the models that study files are checked against."""

import types
import typing
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from hilum.augment import Augmentation
from hilum.pretext.methods import METHODS
from hilum.pretext.settings import RunSettings, SizeCurriculum
from hilum.study.file import explain as explain_schema
from hilum.study.file import finetuning as finetuning_schema
from hilum.study.file import pretraining as pretraining_schema
from hilum.study.file import schema
from hilum.study.file import sweep as sweep_schema
from hilum.study.file import task as task_schema

TARGET = Path(__file__).parent / "reference" / "study_file.md"
SECTIONS = (
    schema.Study,
    schema.DataSet,
    schema.UsableImages,
    schema.Generated,
    task_schema.Task,
    task_schema.ChosenImages,
    task_schema.BinaryContrast,
    task_schema.PatientSplit,
    task_schema.ListedSplit,
    task_schema.PaperSplit,
    task_schema.ColumnSplit,
    schema.NamedWeights,
    schema.NamedPretrained,
    schema.NamedSupervised,
    schema.Arm,
    pretraining_schema.Pretrained,
    pretraining_schema.Supervised,
    pretraining_schema.SupervisedTask,
    pretraining_schema.Pretraining,
    SizeCurriculum,
    sweep_schema.Sweep,
    finetuning_schema.Features,
    finetuning_schema.Finetuning,
    finetuning_schema.OnPlateau,
    finetuning_schema.Plateau,
    finetuning_schema.Resample,
    schema.Evaluation,
    explain_schema.Explanation,
)
OPENING = """# The study file

One YAML file describes a whole comparison. This page is generated from the models that files are checked against
(`make docs`); [`studies/`](../../studies/demo.yaml) has examples. Every mistake in a file is reported at once, with
its line: `hilum study plan FILE` checks a file and runs nothing. Where tables name images whose file is not there,
`plan` and `run` stop and say how many; `--allow-missing` goes on without them.

`hilum study check FILE` runs every step in miniature, for seconds and in a temporary directory: one arm for each
encoder, start and way of fine-tuning, a few images of each finding, one epoch, one seed. All problems are reported at
once, with arm and step. `run` begins with it (there an arm that diverges or collapses is a warning, as long as others
are left), unless with `--no-check`, in several processes, or where the same study was tried in that directory before.
Not tried is the memory that whole batches take.

One process writes a study's directory at a time: `.NAME.lock` beside it says which; a second run says so and changes
nothing. The page is a step like the others: where it failed, the next run makes it alone. An arm whose training
diverges or collapses ends as such, is not tried again with the same settings, and stands in no table; `hilum study
status` and the page name it with the keys that can change it, and the other arms go on. Where it was the arm that
others are compared with, the first of the others takes its place.
"""
TASKS = """## Several tasks

A study may ask its question on several tasks. `tasks` names them, and `study plan FILE` shows which arm is trained on
which; `task` stays the short form for one.

```yaml
question: Does SimCLR help, and do the labels of another hospital help more?
data:
  nih: {collection: chestxray14}
  chexpert: {collection: chexpert}
  vindr: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 224}]
tasks:
  nih:
    on: nih
    findings: [Pleural Effusion, Cardiomegaly]
    split: {lists: official, validation: 0.1}
    label_fraction: [0.01, 0.1, 1]
    test_on: [vindr]
  chexpert:
    on: chexpert
    findings: [Pleural Effusion, Cardiomegaly]
    split: {patients: [0.7, 0.1, 0.2]}
starts:
  simclr: {encoder: resnet50, pretrain: simclr, on: [nih, chexpert]}
  labels: {encoder: resnet50, supervise: chexpert, start: simclr}
arms:
  scratch: {encoder: resnet50}
  simclr: {start: simclr}
  labels: {start: labels, tasks: [nih]}
compare: [[simclr, scratch], [labels, simclr]]
evaluate: {family: all_tasks}
```

**Tasks.** Each has its data set, findings, labels, images and split. Its files go to `tasks/NAME/`, with a page of its
own; the page at the top gives the verdicts, every arm on every task, the mean and the ranks over tasks
(`evaluation/tasks.parquet`, `ranks.parquet`), and links to the others. An arm is trained on all tasks unless its
`tasks` names some.

**Who is kept out.** Whatever is made before fine-tuning (`pretrain`, `supervise`) sees no patient who validates or
tests in any task, and no image of a data set that a task is tested on (`test_on`). A data set that is named there in
whole has nothing left to learn from, and a study that pretrains on it is refused.

**Starts** are made once and shared by all arms, tasks and label fractions that name them; a start written into an arm
(`init`) is shared in the same way. They follow each other in chains of any length: published weights, then a
pretraining, then another on nearer images, then labels. `supervise: TASK` learns a task of the study; `supervise:
{on: DATA, findings: shared}` those of the arm's findings that another data set labels, too, one encoder for each
distinct overlap. The plan names the whole chain, and the ledger of its last start holds the patients of all.

**Label fractions** are nested by patient, and each is trained and judged by itself, in
`tasks/NAME/label_fraction-0.1/`. Heat-maps are drawn for the largest. `evaluation/labels_to_match.parquet` says how
many labelled images an arm needs to reach what another reaches with all of them, interpolated over their logarithm.

**Comparisons.** `compare` names pairs where one reference for all is wrong. With `family: all_tasks` the p-values of
all tasks and fractions are adjusted together, and every page shows them so.

**Testing elsewhere.** `test_on` scores other data sets for the findings that they label, too, and shows what is lost
against the task's own test images, arm by arm (`evaluation/external.parquet`).

**Folds of your own.** `split: {column: fold, test: [4], validation: [3]}` reads a column of your table of labels.

**Several data sets as one.** `on: [nih, vindr]` pools data sets for a task. A finding that one of them does not label
is masked in its images, in training and in the test. Patients are distinguished over all of them by issuer and id, and
images whose files hold the same bytes are divided as one patient's. Results are of all test images together, and of
each data set in the table of subgroups; `study plan` counts each set's positives, and names what it does not label.

**Examinations of several images.** `unit: study` judges each study (column `study_id`) by the mean (`study_score:
mean`) or highest (`max`) score of its images; it is positive where one of them is. Training sees images, and patients
stay the unit that is resampled.

## Features from elsewhere

An arm may be a table of vectors by image id, computed by whatever model: no architecture is needed here, and a head is
fitted to the vectors of the training images. It is compared with the other arms on the same test images.

```yaml
question: Is a foundation model's embedding enough?
data:
  nih: {collection: chestxray14}
  vindr: {collection: vindr_cxr}
preprocess: [{square: pad}, {resize: 224}]
task:
  on: nih
  findings: [Pleural Effusion, Cardiomegaly]
  split: {lists: official, validation: 0.1}
  test_on: [vindr]
arms:
  scratch: {encoder: resnet50}
  rad_dino:
    features: {table: {nih: nih.parquet, vindr: vindr.parquet}, trained_on: [mimic_cxr_jpg, padchest]}
  neighbours:
    features: {table: {nih: nih.parquet, vindr: vindr.parquet}, head: knn, trained_on: [mimic_cxr_jpg, padchest]}
```

Parquet has a column `image_id` and one of vectors, or one a number; NPY has a row an image, and the ids in
NAME.ids.txt beside it. Other shapes, an image twice and numbers that are not finite are refused before anything runs.
So are images of the task without features, counted by part; with `missing: leave_out` all arms of the task go without
them. Whom the model was trained on is not in a table: say it with `trained_on`, or the arm counts as "training patients
not known", and runs with `evaluate: {contaminated: mark}` alone. There are no heat-maps of such an arm, and it cannot
be packaged.
"""
CANNOT = (
    (
        "labels as CheXNet's lists print them (181 rows differ from the table)",
        "two labels of one image, of which one is known to be older",
        '`release: "2017"` with that file',
    ),
    (
        "patients of a whole data set by age, sex and view in the plan",
        "they are no part of a study's question",
        "`hilum doctor DATA` counts them",
    ),
    (
        "an audit of labels as a step",
        "it reads adjudicated labels, which no step of a study may know",
        "`hilum label-issues` on the predictions that the study leaves",
    ),
    (
        "percentile or BCa intervals",
        "they cover less than they say with few patients (`docs/explanation/statistics.md`)",
        "`hilum.evaluation.bootstrap` from Python",
    ),
    (
        "heat-maps of named findings only",
        "they are drawn for all; the page chooses",
        "`hilum explain --findings` on the arm",
    ),
    (
        "batch norm in SimCLR's head",
        "it is not in the paper's head; MoCo v2 has `head_batch_norm`",
        "a method of your own ([seventh method](../how-to/seventh_method.md))",
    ),
    (
        "a sweep over settings of pretraining",
        "each trial would pretrain anew, and labels would choose among unlabelled runs",
        "one arm for each value",
    ),
    (
        "a sweep over encoders, of an arm that starts from what the study trains",
        "each encoder would need a start of its own",
        "one arm for each encoder",
    ),
    (
        "thresholds of studies in a packaged model",
        "`hilum predict` scores single images",
        "`unit: image`",
    ),
)
"""What a study file cannot say, why, and what does it instead."""
METHODS_OPENING = """What goes under `settings` of a pretraining, such as
`init: {pretrain: dino, on: ours, settings: {prototypes: 2048}}`. Presets give some of them for the number of images;
`hilum study plan` says which.
"""


def reference() -> str:
    """The page, as Markdown."""
    lines = [OPENING, TASKS, *_cannot(), *(line for section in SECTIONS for line in _section(section))]
    lines += ["## Settings of the methods\n", METHODS_OPENING]
    for name, method in METHODS.items():
        lines += [f"### {name}\n", f"{method.title}.\n", *_table(method.settings)]
    return "\n".join(lines)


def _cannot() -> Iterator[str]:
    yield "## What a study cannot say\n"
    yield "| wanted | why not | instead |"
    yield "|---|---|---|"
    for row in CANNOT:
        yield f"| {' | '.join(row)} |"
    yield ""


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield f"## {model.__name__}\n"
    yield f"{(model.__doc__ or '').strip()}\n"
    if model in (pretraining_schema.Pretrained, schema.NamedPretrained):
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
    if annotation is Augmentation:
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
