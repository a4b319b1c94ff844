"""Fine-tuning of a classifier on labelled images, and its predictions: `hilum.finetune` and `hilum finetune`."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import polars as pl
import yaml
from pydantic import TypeAdapter, ValidationError

from hilum.artifacts import fingerprint, whole_file, write_json
from hilum.augment import Augmentation
from hilum.augment.library import named_augmentation, parse_augmentation
from hilum.data.labelled_images import LabelledImages
from hilum.data.labels import Cohort, LabelPolicy, targets, task_images
from hilum.data.preprocess import Recipe
from hilum.data.replaceable import check_replaceable
from hilum.data.resampling import resampling_of
from hilum.data.splits import Split, check_patients_apart, label_fraction, parse_split
from hilum.data.store import NamedData
from hilum.data.tables import read_result_table
from hilum.declared import problem_text
from hilum.encoders.card import CARD, Card, read_card
from hilum.encoders.published import find_weights, is_published, resolve_weights
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import create_encoder
from hilum.errors import HilumError, HilumErrors
from hilum.evaluation.inference import number_or_null
from hilum.evaluation.predictions import read_predictions
from hilum.evaluation.thresholds import choose_thresholds
from hilum.explanation.embedding import recipe_of
from hilum.finetuning.finetune import digest_of, finetune as train_classifier, fingerprint_fields
from hilum.finetuning.presets import ResolvedFinetuning, resolve_finetuning
from hilum.finetuning.scores import SCORES, read_scores
from hilum.finetuning.settings import PLATEAU, FinetuneSettings, plateau_settings, setting_problems
from hilum.notes import notes_as_data
from hilum.progress import ShowProgress, quiet
from hilum.renamed import checked_arguments, renamed_value, unknown_name
from hilum.report.page import FILES
from hilum.runs.inputs.data import RECIPE, DataSource, decode, findings_from, findings_of, read_data, recipe_from
from hilum.runs.inputs.leakage import check_copies, untrained_images
from hilum.runs.results import Result
from hilum.yaml_loader import parse_value

MODEL, PREDICTIONS, DESCRIPTION = "model", "predictions.parquet", "finetune.json"
"""Names in the directory of a run. `model` can be shared: it contains no patient ids and no image ids."""


@dataclass(frozen=True, repr=False)
class FinetuneResult(Result):
    """Fine-tuned classifier and its predictions.

    Attributes:
        directory: Directory with `model`, predictions.parquet and finetune.json.
        about: Encoder, data, findings, settings with their origins, `was_done`, notes.
        card: Card of the classifier.
        curves: Training curves, one row per epoch.
    """

    directory: Path
    card: Card
    curves: pl.DataFrame

    @property
    def model(self) -> Path:
        """Directory of the classifier: model.safetensors and card.json."""
        return self.directory / MODEL

    @property
    def predictions(self) -> Path:
        """File of predictions of validation and test images, for `hilum.evaluate` and `hilum.compare`."""
        return self.directory / PREDICTIONS

    @property
    def thresholds(self) -> dict[str, float | None]:
        """Threshold of each finding, of the largest Youden index on the validation images; None if undefined."""
        chosen: dict[str, float | None] = self.about["thresholds"]
        return chosen

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """`curves` and `predictions`."""
        return {"curves": self.curves, "predictions": pl.read_parquet(self.predictions)}

    @property
    def summary(self) -> list[str]:
        """Encoder, initial weights, data and numbers of images."""
        about, images = self.about, self.about["images"]
        return [
            f"{about['encoder']} from {about['starts_from']} on {images['train']:,} labelled images of {about['data']}",
            f"{len(about['findings'])} findings",
            f"{images['val']:,} validation and {images['test']:,} test images scored",
        ]


@dataclass(frozen=True)
class _Task:
    """Images of training, validation and test, with labels."""

    findings: list[str]
    manifest: pl.DataFrame
    split: Split
    train: LabelledImages
    val: LabelledImages
    test_ids: list[str]


@checked_arguments
def finetune(
    data: DataSource,
    out: str | Path,
    *,
    labels: str | Path | None = None,
    findings: str | Sequence[str] | None = None,
    encoder: str | None = None,
    init: str | Path | Result | None = None,
    preprocess: str | Sequence[object] | None = None,
    settings: Mapping[str, Any] | Sequence[str] = (),
    split: str = "auto",
    split_seed: int = 0,
    label_fraction: float = 1.0,
    uncertain: str = "zero",
    allow_missing: bool = False,
    hash_patients: str | None = None,
    include_training_patients: bool = False,
    seed: int = 0,
    stores: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    progress: ShowProgress = quiet,
) -> FinetuneResult:
    """Train a classifier of findings, and score the validation and test images.

    Patients are split into training, validation and test. Settings that are not given are filled by a preset for the
    number of labelled images. The epoch with the lowest validation loss is selected. Make the same call again to resume
    an interrupted run; a complete run is not repeated.

    Args:
        data: "NAME=FOLDER" or {NAME: FOLDER}.
        out: Directory to write the classifier (`model`) and its predictions to.
        labels: CSV file of labels, for own images.
        findings: Findings to train; None: all of the data set except No Finding.
        encoder: Architecture, one of `hilum.encoders.zoo.ENCODERS`; None: that of the initial weights.
        init: Initial weights: result or directory of `hilum.pretrain`, or name of published weights; None: random.
        preprocess: Steps or name of a recipe; None: as in the training of the initial weights, or padded to 224 px.
        settings: Further settings of the training (`hilum.finetuning.settings.FinetuneSettings`), by name, such as
            {"lr": 1e-4}, or as KEY=VALUE.
        split: "official", another published list, "patients" (60, 20 and 20 %, at random), or "auto".
        split_seed: Random seed of the split, if patients are drawn.
        label_fraction: Fraction of the training patients to train on, drawn at random, 0 < label_fraction ≤ 1.
        uncertain: Label policy for uncertain labels: "zero", "one", "ignore" or "drop".
        allow_missing: Continue if tables name images whose files are missing.
        hash_patients: As in `hilum.runs.inputs.data.read_data`.
        include_training_patients: Also score test images of patients the initial weights were trained on, and train on
            copies of validation and test images.
        seed: Random seed of the weights, the augmentation and the order of images.
        stores: Folder of decoded images, reused by later runs; None: `stores` next to `out`.
        workers: Threads that decode images; None: all cores.
        device: "auto", "cpu" or "cuda".
        progress: Shows the progress of each stage.

    Returns:
        The classifier's directory, its card, and its predictions.

    Raises:
        HilumError: Wrong data, weights or settings; raised before training.

    Example:
        >>> import hilum
        >>> tuned = hilum.finetune(
        ...     {"ours": "images"}, "runs/tuned", labels="labels.csv", init="runs/simclr"
        ... )  # doctest: +SKIP
        >>> hilum.evaluate(tuned.predictions)  # doctest: +SKIP
    """
    out = Path(out)
    logging.getLogger("lightning.fabric").setLevel(logging.WARNING)  # it logs its precision
    given = _parse_settings(settings) | {"device": device}
    if not 0 < label_fraction <= 1:
        fix = "For example 0.1 for a tenth of the patients."
        raise HilumError("label_fraction", expected="above 0, at most 1", found=str(label_fraction), fix=fix)
    check_replaceable(out, (MODEL, PREDICTIONS, DESCRIPTION, *FILES))
    start, encoder = _initial_weights(init, encoder)
    recipe = _recipe(preprocess, start)
    with weightless():
        create_encoder(encoder, seed=0, image_size=given.get("size") or recipe.size)  # errors before reading images
    read = read_data(data, labels=labels, allow_missing=allow_missing, hash_patients=hash_patients, progress=progress)
    label_policy = LabelPolicy(uncertain=uncertain)  # type: ignore[arg-type]  # checked there
    multiclass = given.get("output_type") == "multiclass"
    task = _task(
        read, findings_from(findings), label_policy, split, split_seed, label_fraction, seed, multiclass=multiclass
    )
    store = decode(read, recipe, out, stores=stores, workers=workers, progress=progress)
    readable = set(store.image_ids)
    train, val = task.train.only(readable), task.val.only(readable)
    tested = [image_id for image_id in task.test_ids if image_id in readable]
    card = read_card(start) if start else None
    test = untrained_images(read, tested, card, include=include_training_patients)
    held = [*tested, *([] if task.split.sharing else val.image_ids)]
    notes = [*test.notes, *check_copies(read, store, train.image_ids, held, include=include_training_patients)]
    scored = [*val.image_ids, *test.image_ids]
    resolved = resolve_finetuning(given, len(train.image_ids))
    weights = card.sha256 if card else "random"
    trained = [fingerprint_fields(resolved.settings), seed, encoder, weights, recipe.as_data(), task.findings]
    key = fingerprint([*trained, digest_of(train), digest_of(val), scored, uncertain])
    done = _was_done(out, key)
    if not done:
        with progress("fine-tuning") as on_progress:
            train_classifier(
                start or "random",
                encoder,
                store,
                train,
                val,
                scored,
                task.findings,
                settings=resolved.settings,
                seed=seed,
                directory=out / MODEL,
                split_title=f"{read.name}, train of {task.split.title}",
                patients_apart="train" not in task.split.sharing,
                on_progress=on_progress,
            )
        _write_predictions(task, label_policy, read_scores(out / MODEL / SCORES, store, scored), out / PREDICTIONS)
    starts_from = "random weights" if init is None else str(init.directory if isinstance(init, Result) else init)
    about = _about(out, read, encoder, starts_from, task, resolved, seed)
    about["images"] = {
        "train": len(train.image_ids),
        "val": len(val.image_ids),
        "test": len(scored) - len(val.image_ids),
    }
    about["notes"] = notes_as_data([*notes, *store.notes()])
    write_json(out / DESCRIPTION, about | {"key": key})
    return FinetuneResult(
        out, about | {"was_done": done}, read_card(out / MODEL), read_result_table(out / MODEL / "curves.parquet")
    )


def _parse_settings(settings: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    """Parse and validate settings of the training; report all problems at once."""
    problems: list[str] = []
    given = dict(settings) if isinstance(settings, Mapping) else _by_name(settings, problems)
    hints = get_type_hints(FinetuneSettings, include_extras=True)
    known = [field.name for field in fields(FinetuneSettings) if field.name != "device"]
    schedule = given.get("schedule")
    plateau = schedule.get("plateau") if isinstance(schedule, Mapping) and len(schedule) == 1 else None
    if isinstance(plateau, Mapping) and set(plateau) <= set(PLATEAU):
        given |= plateau_settings({key: parse_value(v) if isinstance(v, str) else v for key, v in plateau.items()})
    checked: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            problems.append(f"{name}: {unknown_name(name, known)}")
            continue
        try:
            if name == "augmentation":
                checked[name] = _augmentation(value)
            elif name == "resample":
                checked[name] = resampling_of(value)
            else:
                checked[name] = TypeAdapter(hints[name]).validate_python(value)
        except ValidationError as error:
            new = renamed_value(name, value)
            problems.append(
                f"{name}: {value} was renamed to {new}" if new else f"{name}: {problem_text(error.errors()[0])}"
            )
        except HilumErrors as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
        except HilumError as error:
            problems.append(f"{name}: expected {error.expected}; found {error.found}. {error.fix}")
    if set(given) & set(known) == set(checked):
        together = [(error.where.removeprefix("finetune."), error) for error in setting_problems(checked)]
        problems += [f"{name}: expected {error.expected}; found {error.found}" for name, error in together]
    if problems:
        raise HilumErrors("settings of fine-tuning", problems, fix=f"known settings: {', '.join(known)}")
    return checked


def _by_name(settings: Sequence[str], problems: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE settings; values are YAML."""
    given: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            problems.append(f"{text}: expected KEY=VALUE")
        elif name in given:
            problems.append(f"{name}: given twice")
        else:
            try:
                given[name] = parse_value(value)
            except yaml.YAMLError:
                problems.append(f"{name}: expected a value; found {value!r}")
    return given


def _augmentation(given: Any) -> str | Augmentation:
    """Return the augmentation of a name, the path of a YAML file, or ranges by name."""
    if isinstance(given, Mapping):
        return parse_augmentation(dict(given), "augmentation")
    return given if isinstance(given, Augmentation) else named_augmentation(str(given))


def _initial_weights(init: str | Path | Result | None, encoder: str | None) -> tuple[Path | None, str]:
    """Return the directory of the initial weights (None: random) and the architecture of the encoder."""
    if isinstance(init, Result):
        init = init.directory
    if init is None:
        if encoder is None:
            fix = "Give an encoder (`hilum encoders`) or initial weights."
            raise HilumError("encoder", expected="an encoder or initial weights", found="neither", fix=fix)
        return None, encoder
    if encoder is None and is_published(str(init)):
        encoder = find_weights(str(init)).encoder
    elif encoder is None:
        if not (Path(init) / CARD).is_file():
            fix = "Give a directory written by `hilum pretrain`, or the name of published weights (`hilum weights`)."
            raise HilumError("init", expected="an encoder's directory", found=str(init), fix=fix)
        encoder = read_card(Path(init)).encoder
    return resolve_weights(str(init), encoder), encoder


def _recipe(preprocess: str | Sequence[object] | None, start: Path | None) -> Recipe:
    if preprocess is not None:
        return recipe_from(preprocess)
    return recipe_of(read_card(start)) if start else recipe_from(RECIPE)


def _task(
    data: NamedData,
    named: list[str] | None,
    label_policy: LabelPolicy,
    split: str,
    split_seed: int,
    fraction: float,
    seed: int,
    *,
    multiclass: bool,
) -> _Task:
    wanted = named or findings_of(data)
    cohort = Cohort(exactly_one_of=tuple(wanted) if multiclass else ())
    manifest = task_images(data.dataset, wanted, label_policy, cohort)
    divided = parse_split(manifest, split, seed=split_seed)
    check_patients_apart(divided.assignment, divided.title, sharing=divided.sharing)
    if fraction < 1:
        divided = label_fraction(divided, round(100 * fraction, 9), seed)
    part = dict(divided.assignment.select("image_id", "split").iter_rows())
    for name in ("train", "val", "test"):
        if name not in part.values():
            raise HilumError(
                "split",
                expected="images in train, validation and test",
                found=f"no {name} image of {data.name} in {divided.title}",
                fix="Choose another split.",
            )
    open_rows = manifest.filter(pl.Series([part.get(each) in ("train", "val") for each in manifest["image_id"]]))
    ids, values = targets(open_rows, wanted, label_policy)

    def images(of: str) -> LabelledImages:
        rows = np.flatnonzero([part[image_id] == of for image_id in ids])
        chosen = [ids[row] for row in rows]
        return LabelledImages(chosen, data.patients(chosen), values[rows])

    test = [image_id for image_id in manifest["image_id"] if part.get(image_id) == "test"]
    return _Task(wanted, manifest, divided, images("train"), images("val"), test)


def _write_predictions(task: _Task, label_policy: LabelPolicy, scores: pl.DataFrame, path: Path) -> None:
    """Join scores with labels; test labels are not read before, so that they cannot influence training."""
    scored = task.split.assignment.filter(pl.col("split").is_in(["val", "test"]))
    rows = task.manifest.filter(pl.col("image_id").is_in(scored["image_id"].implode()))
    ids, values = targets(rows, task.findings, label_policy.for_scoring())
    known = {
        f"y_{finding}": pl.Series(values[:, at], dtype=pl.Float64).fill_nan(None).cast(pl.Int8)
        for at, finding in enumerate(task.findings)
    }
    labels = pl.DataFrame({"image_id": pl.Series(ids, dtype=pl.String), **known})
    table = scored.select("image_id", "patient_id", "split").join(labels, on="image_id", maintain_order="left")
    with whole_file(path) as beside:
        table.join(scores, on="image_id", how="inner", maintain_order="left").write_parquet(beside)


def _was_done(out: Path, key: str) -> bool:
    described = out / DESCRIPTION
    if not (described.is_file() and (out / PREDICTIONS).is_file() and (out / MODEL / CARD).is_file()):
        return False
    return bool(json.loads(described.read_text(encoding="utf-8")).get("key") == key)


def _about(
    out: Path, data: NamedData, encoder: str, starts_from: str, task: _Task, resolved: ResolvedFinetuning, seed: int
) -> dict[str, Any]:
    thresholds = choose_thresholds(read_predictions(out / PREDICTIONS, split="val")).values
    return {
        "encoder": encoder,
        "starts_from": starts_from,
        "data": data.name,
        "split": task.split.title,
        "findings": task.findings,
        "preset": resolved.preset,
        "steps": resolved.steps,
        "epochs": resolved.epochs,
        "settings": [asdict(each) for each in resolved.choices],
        "thresholds": {finding: number_or_null(value) for finding, value in thresholds.items()},
        "seed": seed,
        "out": str(out),
    }
