"""Write docs/reference/study_file.md from the models of study files."""

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
from hilum.study.file import (
    explain as explain_schema,
    finetuning as finetuning_schema,
    pretraining as pretraining_schema,
    schema,
    sweep as sweep_schema,
    task as task_schema,
)

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

This page lists all keys of a study file: one YAML file that describes a whole comparison. You need it to write or to
change a study. [`studies/`](../../studies/demo.yaml) has examples. The tables are generated from the models that check
the files (`make docs`).

Contents: [commands](#commands) · [several tasks](#several-tasks) · [features from elsewhere](#features-from-elsewhere)
· [limits](#limits) · [Study](#study) · [DataSet](#dataset) · [Task](#task) · [Arm](#arm) · [Pretraining](#pretraining)
· [Finetuning](#finetuning) · [Sweep](#sweep) · [Evaluation](#evaluation) · [Explanation](#explanation)
· [settings of the methods](#settings-of-the-methods)

## Commands

- `hilum study plan FILE` checks a file and runs nothing. All errors are reported at once, with their lines. If tables
  name images without a file, `plan` and `run` stop and print the number; `--allow-missing` continues without them.
- `hilum study check FILE` runs every step in miniature, in seconds and in a temporary directory: one arm for each
  combination of encoder, initial weights and fine-tuning, a few images of each finding, one epoch, one seed. All
  problems are reported at once, with arm and step. The memory for whole batches is not tested.
- `hilum study run FILE` starts with this check, except with `--no-check`, in several processes, or if the same study
  was already checked in that directory. In this check, an arm that diverges or collapses is only a warning if other
  arms remain.

**One process** writes a study's directory at a time; `.NAME.lock` beside it names the process. A second run reports
this and changes nothing.

**Failed arms.** If the training of an arm diverges or collapses, the arm ends as failed. It is not repeated with the
same settings and is not in any table. `hilum study status` and the report name it, with the keys to change; the other
arms continue. If it was the reference arm, the first of the others becomes the reference. If the report failed, the
next run repeats only the report.
"""
TASKS = """## Several tasks

A study can compare arms on several tasks. `tasks` names them; `task` is the short form for one. `study plan FILE` shows
which arm is trained on which task.

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

**Tasks.** Each task has its data set, findings, labels, images and split. Its files and its report are in
`tasks/NAME/`. The report at the top has the verdicts, every arm on every task, the mean and the ranks over tasks
(`evaluation/tasks.parquet`, `ranks.parquet`), and links to the other reports. An arm is trained on all tasks unless it
sets `tasks`.

**Data leakage.** Everything before fine-tuning (`pretrain`, `supervise`) excludes all validation and test patients of
all tasks, and all images of the external test sets (`test_on`). A study that pretrains on a data set that is completely
used for testing is refused. See [data leakage](../explanation/data_leakage.md).

**Starts** are encoders that are trained once and shared by all arms, tasks and label fractions that name them. A start
inside an arm (`init`) is shared in the same way. Starts can form chains of any length: published weights, then
pretraining, then pretraining on images of the own domain, then training with labels. `supervise: TASK` trains on a task
of the study. `supervise: {on: DATA, findings: shared}` trains on those of the arm's findings that another data set also
labels, with one encoder for each distinct set of shared findings. The plan prints the whole chain, and the ledger of
its last start contains the training patients of all.

**Label fractions** are nested by patient. Each is trained and evaluated separately, in
`tasks/NAME/label_fraction-0.1/`. Heat maps are drawn for the largest. `evaluation/labels_to_match.parquet` has the
number of labelled images that an arm needs to match another arm with all of them (label efficiency), interpolated over
their logarithm.

**Comparisons.** `compare` names pairs of arms, for studies without a common reference. With `family: all_tasks`, the
p-values of all tasks and fractions are adjusted together, and every report shows the adjusted values.

**External validation.** `test_on` evaluates other data sets on the findings that they also label, and reports the drop
from the task's own test images for each arm (`evaluation/external.parquet`).

**Your own folds.** `split: {column: fold, test: [4], validation: [3]}` reads a column of your label table.

**Pooled data sets.** `on: [nih, vindr]` pools data sets for a task. If one of them does not label a finding, its images
are masked for that finding, in training and testing. Patients are identified by issuer and id, and images with
identical files count as images of one patient. Results are for all test images together, and for each data set in the
table of subgroups. `study plan` prints the positives of each data set and the findings that it does not label.

**Studies with several images.** `unit: study` evaluates each study (column `study_id`) by the mean
(`study_score: mean`) or highest (`max`) score of its images. A study is positive if one of its images is. Training uses
images, and the bootstrap still resamples patients.

## Features from elsewhere

An arm can be a table of feature vectors by image id, from any program or foundation model. Hilum fits a head to the
vectors of the training images and compares the arm with the others on the same test images.

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

- **Format.** Parquet with a column `image_id` and one column of vectors, or one column per number; or NPY with one row
  per image, and the ids in NAME.ids.txt.
- **Checks before the run.** Other shapes, duplicate images and numbers that are not finite are refused. If images of
  the task have no vector, the study is refused, with counts per part; with `missing: leave_out`, these images are
  excluded from all arms of the task.
- **Data leakage.** The table does not contain the training patients of the model. State them with `trained_on`;
  otherwise the arm has "training patients not known" and needs `evaluate: {contaminated: mark}`.
- There are no heat maps for such an arm, and it cannot be packaged.
"""
CANNOT = (
    (
        "two versions of one label, as in CheXNet's lists (181 rows differ from the table)",
        "one of the two versions is known to be older",
        '`release: "2017"` with the older table',
    ),
    (
        "counts of a whole data set by age, sex and view in the plan",
        "they do not depend on the study",
        "`hilum doctor DATA`",
    ),
    (
        "a search for label noise as a step",
        "it uses adjudicated labels, which no step of a study may read",
        "`hilum label-issues` on the predictions of the study",
    ),
    (
        "percentile or BCa intervals",
        "their coverage is too low with few patients ([statistics](../explanation/statistics.md))",
        "`hilum.evaluation.bootstrap` in Python",
    ),
    (
        "heat maps of selected findings only",
        "they are drawn for all findings; the report selects",
        "`hilum explain --findings` on the arm",
    ),
    (
        "batch norm in SimCLR's head",
        "the paper's head has none; MoCo v2 has `head_batch_norm`",
        "your own method ([pretext method](../how-to/seventh_method.md))",
    ),
    (
        "a sweep over settings of pretraining",
        "each trial would need a pretraining, and labels would select among unlabelled runs",
        "one arm per value",
    ),
    (
        "a sweep over encoders, for an arm with a start that the study trains",
        "each encoder would need its own start",
        "one arm per encoder",
    ),
    (
        "thresholds for studies (`unit: study`) in a packaged model",
        "`hilum predict` scores single images",
        "`unit: image`",
    ),
)
"""What a study file does not support, why, and the alternative."""
METHODS_OPENING = """Write these under `settings` of a pretraining, for example
`init: {pretrain: dino, on: ours, settings: {prototypes: 2048}}`. Presets set some of them according to the number of
images; `hilum study plan` prints the values.
"""


def reference() -> str:
    """The page, as Markdown."""
    lines = [OPENING, TASKS, *_cannot(), *(line for section in SECTIONS for line in _section(section))]
    lines += ["## Settings of the methods\n", METHODS_OPENING]
    for name, method in METHODS.items():
        lines += [f"### {name}\n", f"{method.title}.\n", *_table(method.settings)]
    return "\n".join(lines)


def _cannot() -> Iterator[str]:
    yield "## Limits\n"
    yield "| not supported | reason | alternative |"
    yield "|---|---|---|"
    for row in CANNOT:
        yield f"| {' | '.join(row)} |"
    yield ""


def _section(model: type[BaseModel]) -> Iterator[str]:
    yield f"## {model.__name__}\n"
    yield f"{(model.__doc__ or '').strip()}\n"
    if model in (pretraining_schema.Pretrained, schema.NamedPretrained):
        yield from _table(model, but=RunSettings.model_fields)
        yield "Every key of [Pretraining](#pretraining) except `seeds` is also allowed here and replaces the study's.\n"
    else:
        yield from _table(model)


def _table(model: type[BaseModel], but: Container[str] = ()) -> Iterator[str]:
    yield "| key | values | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        if name in but:
            continue
        bounds = [_bound(constraint) for constraint in [*field.metadata, *_metadata(field.annotation)]]
        values = " ".join([_values(field.annotation), *(bound for bound in bounds if bound)])
        yield f"| `{name}` | {values} | {_default(field.default)} | {field.description} |"
    yield ""


def _metadata(annotation: Any) -> Iterator[Any]:
    """Yield the metadata of all types of a union."""
    if typing.get_origin(annotation) is typing.Annotated:
        yield from annotation.__metadata__
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            yield from _metadata(each)


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
    signs = (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤"))
    bounds = [(sign, getattr(constraint, attribute, None)) for attribute, sign in signs]
    return " ".join(f"{sign} {bound}" for sign, bound in bounds if bound is not None)


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
