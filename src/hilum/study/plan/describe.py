"""The plan of a study: data, settings, steps, estimated time, memory and disk space, before anything runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from hilum.artifacts import fingerprint
from hilum.augment.library import as_written
from hilum.data.counts import count_images as count_by_split
from hilum.data.fetching import is_address
from hilum.data.manifest import is_labelled
from hilum.encoders.freezing import freeze_all_but_last
from hilum.encoders.weightless import weightless
from hilum.encoders.zoo import count_parameters, create_encoder
from hilum.errors import HilumError
from hilum.finetuning.classifier import Classifier
from hilum.finetuning.off_the_shelf.feature_arm import FEATURES
from hilum.finetuning.output_types import class_balance
from hilum.finetuning.settings import FinetuneSettings, HeadName, PoolingName
from hilum.pretext.settings import ResolvedSettings
from hilum.study.file import Pretrained, Study, resolved_finetuning, resolved_pretraining
from hilum.study.file.views import starts_in, views_of
from hilum.study.generate import generated_root, is_generated
from hilum.study.plan.failures import keys_after_failures
from hilum.study.plan.fetching import available_roots, fetching_rows, free_disk
from hilum.study.plan.fingerprints import step_keys
from hilum.study.plan.label_fraction import describe_subsets, labelled_subsets
from hilum.study.plan.leakage import contamination_of, contamination_problems, warnings_of
from hilum.study.plan.learnable_labels import label_problems
from hilum.study.plan.power import power_of
from hilum.study.plan.predictions import in_units, labels
from hilum.study.plan.prepare import prepare_study
from hilum.study.plan.record import is_done
from hilum.study.plan.starts import Start, differences_of_start, fetch_command, start_of
from hilum.study.plan.step_types import DataStep, EncoderStep, FinetuneStep, GenerateStep, StartStep, Step, StoreStep
from hilum.study.plan.steps import (
    ImageCounts,
    count_images,
    count_pretraining_images,
    directory_of_start,
    estimate_image_counts,
    image_size,
    steps_of,
)
from hilum.study.plan.sweep import required_by_sweeps
from hilum.study.pool import part_counts
from hilum.study.prepared import Prepared, PreparedStudy
from hilum.study.published_counts import countable_part
from hilum.study.rates import STEPS_SPREAD, Rates, rates_of_this_machine

IMAGES_A_SECOND = 100.0
"""Images per second in decoding and preprocessing at 1024 px, or in generating at 128 px, on two cores."""


@dataclass(frozen=True)
class Plan:
    """The plan of a study.

    Attributes:
        study: The study.
        prepared: Its prepared data; None if some tables are unavailable.
        images: Image counts; None if unknown.
        steps: Steps in order.
        done: Directories of finished steps.
        seconds: Estimated seconds of each step, by directory; empty if image counts are unknown.
        rates: Computing rates of the estimate; None if image counts are unknown.
        spread: Relative uncertainty of each estimate, by directory.
        tasks: Plan of each task and label fraction by name, if there are several; `study` is then the whole study, and
            `prepared` and `images` are those of the first.
        counted: Available data sets and tasks of a reproduced paper, to compare counts, if others are unavailable.
        fetching: Downloads of the study (`hilum.study.plan.fetching.fetching_rows`).
        disk: Bytes that the remaining steps need, and free bytes; None if image counts are unknown.
    """

    study: Study
    prepared: Prepared | None
    images: ImageCounts | None
    steps: list[Step]
    done: set[str]
    seconds: dict[str, float]
    rates: Rates | None = None
    spread: dict[str, float] = field(default_factory=dict)
    tasks: Mapping[str, "Plan"] = field(default_factory=dict)
    counted: PreparedStudy | None = None
    fetching: list[dict[str, Any]] = field(default_factory=list)
    disk: dict[str, int] | None = None


def plan_study(
    study: Study, roots: Mapping[str, Path], out: Path | None = None, *, allow_missing: bool = False
) -> Plan:
    """Plan a study; reads available tables and runs nothing.

    Args:
        study: The study.
        roots: Folders of data sets, as far as known.
        out: Directory of an earlier run, to find finished steps.
        allow_missing: Accept images without a file.
    """
    here, fetching = available_roots(study, roots), fetching_rows(study, roots)
    if out is not None:
        generated = {name: generated_root(out, name) for name, data in study.data.items() if data.generate}
        here |= {name: root for name, root in generated.items() if root.is_dir()}
    whole = all(name in here for name, data in study.data.items() if data.pool is None)
    prepared = prepare_study(study, here, allow_missing=allow_missing) if whole else None
    views = views_of(study)
    images: dict[str, ImageCounts] = {}
    for view in views:
        counted = count_images(prepared.views[view.directory]) if prepared else estimate_image_counts(view.study)
        if counted is not None:
            images[view.directory] = counted
    steps = steps_of(study, images or None)
    all_here = all(row["here"] for row in fetching)
    done = _done(steps, prepared, out) if prepared and out and all_here else set()
    rates = rates_of_this_machine() if images else None
    estimated = _estimate(steps, images, rates) if rates else {}
    seconds = {directory: each[0] for directory, each in estimated.items()}
    spread = {directory: each[1] for directory, each in estimated.items()}
    counts = {name: count for each in images.values() for name, count in each.all.items()}
    sizes = {
        step.encoder: _counts(step.encoder, 1, "all", "linear", "own")[1]
        for step in steps
        if isinstance(step, EncoderStep) and step.encoder
    }
    left = [step for step in steps if step.directory not in done]
    disk = {"needed": _disk_bytes(left, counts, study, sizes), "free": free_disk((out or Path()).resolve())}
    plans = {}
    for view in views:
        of_view = prepared.views[view.directory] if prepared else None
        own = [step for step in steps if step.view == view.directory]
        plans[view.name] = Plan(view.study, of_view, images.get(view.directory), own, done, seconds, rates, spread)
    first = plans[views[0].name]
    if not views[0].directory:
        return replace(first, steps=steps, fetching=fetching, disk=disk if images else None)
    available = None if whole else _available(study, here, allow_missing)
    return Plan(
        study, first.prepared, first.images, steps, done, seconds, rates, spread, plans, available, fetching,
        disk if images else None,
    )  # fmt: skip


def _available(study: Study, roots: Mapping[str, Path], allow_missing: bool) -> PreparedStudy | None:
    few = countable_part(study, set(roots)) if study.layout else None
    return prepare_study(few, {name: roots[name] for name in few.data}, allow_missing=allow_missing) if few else None


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON data.

    With several tasks or label fractions, `tasks` has a row for each; shared content is at the top level.
    """
    study = plan.study
    common = {"question": study.question, "data": [_data_row(plan, name) for name in study.data]}
    if plan.tasks:
        tasks = [{"name": name, **_task_row(each)} for name, each in plan.tasks.items()]
        sweeps = [row for task in tasks for row in task["sweeps"]]
        shared = {"tasks": tasks, "pretraining": _pretraining_rows(*plan.tasks.values())}
        return common | shared | _run_rows(plan, list(plan.tasks.values()), sweeps)
    sweeps = _sweep_rows(plan)
    return {
        **common,
        "task": _split_row(plan),
        **_data_of_task(plan),
        "pretraining": _pretraining_rows(plan),
        "finetuning": _finetuning_rows(plan),
        "sweeps": sweeps,
        **_run_rows(plan, [plan], sweeps),
    }


def _run_rows(plan: Plan, tasks: list[Plan], sweeps: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a plan has once for all tasks: seeds, steps, estimates, downloads, problems and warnings."""
    return {
        "seeds": plan.study.seeds,
        "steps": [_step_row(plan, step) for step in plan.steps],
        "seconds": remaining_seconds(plan),
        "disk": plan.disk,
        **_certainty(plan),
        **_fetching(plan),
        "refused": _refused(tasks, sweeps),
        "warnings": _warnings(*tasks),
    }


def _split_row(plan: Plan) -> dict[str, Any]:
    return {"on": plan.study.labelled_data, "findings": plan.study.task.findings, "split": split_title(plan)}


def _data_of_task(plan: Plan) -> dict[str, Any]:
    """Return the counts of a task's images and labels, its power, and its arms."""
    prepared = plan.prepared
    return {
        "images": _images_row(plan.images) if plan.images else None,
        "evaluated": _unit_row(prepared) if prepared else None,
        "labelled": _labelled_rows(prepared) if prepared else None,
        "without_features": dict(prepared.task.without_features) if prepared else {},
        "power": power_of(prepared) if prepared else None,
        "arms": [arm_row(plan, arm) for arm in plan.study.arms],
    }


def _task_row(plan: Plan) -> dict[str, Any]:
    """Return the row of one task at one label fraction."""
    study, prepared = plan.study, plan.prepared
    return {
        "directory": study.place,
        "data": _data_row(plan, study.labelled_data),
        "task": _split_row(plan),
        "test_on": {name: len(ids) for name, ids in prepared.external.items()} if prepared else None,
        **_data_of_task(plan),
        "finetuning": _finetuning_rows(plan),
        "sweeps": _sweep_rows(plan),
    }


def _refused(plans: Iterable[Plan], sweeps: list[dict[str, Any]]) -> list[str]:
    texts = [
        each
        for plan in plans
        if plan.prepared
        for each in (*contamination_problems(plan.prepared), *label_problems(plan.prepared))
    ]
    texts += [row["refused"] for row in sweeps if row["refused"]]
    return list(dict.fromkeys(texts))


def _warnings(*plans: Plan) -> list[dict[str, Any]]:
    return [each.as_data() for each in warnings_of(*(plan.prepared for plan in plans if plan.prepared))]


def arm_row(plan: Plan, arm: str) -> dict[str, Any]:
    """Return the row of one arm."""
    study = plan.study
    settings, tuning = study.arms[arm], study.finetuning_of(arm)
    init, start = settings.init, start_of(study, arm)
    trainable, total = parameter_counts(study, arm)
    resolved = pretraining_of(plan, arm)
    length = study.pretraining_epochs(init) if isinstance(init, Pretrained) else None
    length = resolved.settings.epochs if resolved else length
    epochs = f", {length} epoch{'s' if length > 1 else ''}" if length else ""
    return {
        "arm": arm,
        "encoder": settings.encoder or FEATURES,
        "starts_from": study.starts_from(arm) + epochs,
        "unfreeze": tuning.unfreeze,
        "finetuned": tuning.train,
        "trainable_parameters": trainable,
        "frozen_parameters": total - trainable,
        "weights": {
            "fetch": "" if start.here is not False else fetch_command(study, arm),
            "source": start.source,
            "licence": start.licence,
            "here": start.here,
            "trained_on": start.trained_on,
        },
        "start_differences": [asdict(each) for each in differences_of_start(study, arm)],
        "trained_on_test_patients": _trained_on_test_patients(plan, arm, start),
    }


def pretraining_of(plan: Plan, arm: str) -> ResolvedSettings | None:
    """Return the settings of an arm's pretraining; None without one, or if image counts are unknown."""
    init = plan.study.arms[arm].init
    if not isinstance(init, Pretrained) or plan.images is None:
        return None
    return resolved_pretraining(plan.study, init, count_pretraining_images(plan.images, init))


def _pretraining_rows(*plans: Plan) -> list[dict[str, Any]]:
    """Return a row per pretraining, with its settings and their sources."""
    rows: dict[str, dict[str, Any]] = {}
    for plan in plans:
        for arm in plan.study.arms:
            study = plan.study
            for init in starts_in(study.arms[arm].init) if plan.images is not None else ():
                if not isinstance(init, Pretrained) or plan.images is None:
                    continue
                directory = directory_of_start(study, study.arms[arm].encoder, init, study.seeds[0])
                resolved = resolved_pretraining(study, init, count_pretraining_images(plan.images, init))
                row: dict[str, Any] = {"title": study.describe_init(init), "arms": [], "preset": resolved.why}
                row["counted_once"] = {} if plan.prepared is None else plan.prepared.counted_once(init)
                rows.setdefault(directory, row | {"settings": [asdict(each) for each in resolved.choices]})
                if arm not in rows[directory]["arms"]:
                    rows[directory]["arms"].append(arm)
    return list(rows.values())


def _finetuning_rows(plan: Plan) -> list[dict[str, Any]]:
    """Return a row per set of fine-tuning settings, with its arms and the sources of the settings."""
    if plan.images is None:
        return []
    rows: dict[str, dict[str, Any]] = {}
    for arm in plan.study.arms:
        if plan.study.arms[arm].features is not None or not plan.study.finetuning_of(arm).train:
            continue
        resolved = resolved_finetuning(plan.study, arm, plan.images.train)
        balance, visits = _class_balance(plan, resolved.settings)
        epochs = resolved.settings.epochs_of(visits or resolved.images)
        row = {
            "preset": resolved.preset,
            "images": resolved.images,
            "steps": epochs * resolved.settings.batches_of(visits or resolved.images),
            "epochs": epochs,
            "class_weights": balance,
            "settings": [asdict(each) | {"value": as_written(each.value)} for each in resolved.choices],
            "defaults": resolved.defaults,
        }
        rows.setdefault(fingerprint(row), {"arms": [], **row})["arms"].append(arm)
    return list(rows.values())


def _class_balance(plan: Plan, settings: FinetuneSettings) -> tuple[dict[str, dict[str, float]], int | None]:
    """Return class weights and resampled counts by finding, and images per epoch; empty without tables."""
    if plan.prepared is None:
        return {}, None
    seed = plan.study.seeds[0]
    train = plan.prepared.task.train_of(seed)
    visits = len(train.image_ids if settings.resample is None else train.resampled(settings.resample, seed).image_ids)
    return class_balance(plan.study.task.findings, train, settings, seed), visits


def _sweep_rows(plan: Plan) -> list[dict[str, Any]]:
    """Return a row per sweep: trials and memory, or the reason why this machine cannot run it."""
    if plan.images is None:
        return []
    rows: list[dict[str, Any]] = []
    for arm, required in required_by_sweeps(plan.study, plan.images.train, plan.images.val).items():
        if isinstance(required, HilumError):
            rows.append({"arm": arm, "refused": f"arms.{arm}, sweep: {required}"})
        else:
            rows.append({"arm": arm, "refused": None, **asdict(required), "description": required.description})
    return rows


def _labelled_rows(prepared: Prepared) -> dict[str, Any]:
    """Return the labelled training images of each seed."""
    subsets = labelled_subsets(prepared)
    return {"description": describe_subsets(subsets), "seeds": [asdict(each) for each in subsets]}


def _trained_on_test_patients(plan: Plan, arm: str, start: Start) -> str:
    if plan.prepared is None:
        return "no" if start.trained_on == "nothing" else "unknown before the data are read"
    if not start.here and is_address(plan.study.weights_of(arm)):
        return "unknown before the download"
    return contamination_of(plan.prepared, arm).message


def split_title(plan: Plan) -> str | None:
    """Return name and hash of the split; None without tables."""
    return plan.prepared.task.split.title if plan.prepared else None


def remaining_seconds(plan: Plan) -> float | None:
    """Return the estimated seconds of the remaining steps; None if unknown."""
    return _remaining(plan, lambda _: 1.0)


def _fetching(plan: Plan) -> dict[str, Any]:
    """Return the downloads and the free disk space; empty for a study without downloads."""
    return {"fetching": plan.fetching, "free_disk": free_disk()} if plan.fetching else {}


def _certainty(plan: Plan) -> dict[str, Any]:
    """Return the uncertainty of the estimated time, and the computing rates."""
    encoders = [step.encoder for step in plan.steps if isinstance(step, EncoderStep) and step.encoder]
    return {
        "seconds_by_kind": _by_kind(plan),
        "seconds_low": _remaining(plan, lambda directory: 1 / (1 + plan.spread[directory])),
        "seconds_high": _remaining(plan, lambda directory: 1 + plan.spread[directory]),
        "rates": plan.rates.as_data(encoders) if plan.rates else None,
    }


def _by_kind(plan: Plan) -> list[dict[str, Any]]:
    """Return the number and seconds of remaining steps by kind, the longest first; empty if unknown."""
    kinds: dict[str, dict[str, Any]] = {}
    for step in plan.steps:
        if step.directory in plan.seconds and step.directory not in plan.done:
            row = kinds.setdefault(step.kind, {"kind": step.kind, "steps": 0, "seconds": 0.0})
            row["steps"] += 1
            row["seconds"] += plan.seconds[step.directory]
    return sorted(kinds.values(), key=lambda row: -row["seconds"])


def _remaining(plan: Plan, factor: Callable[[str], float]) -> float | None:
    if not plan.seconds:
        return None
    left = {directory: seconds for directory, seconds in plan.seconds.items() if directory not in plan.done}
    return sum(seconds * factor(directory) for directory, seconds in left.items())


def _data_row(plan: Plan, name: str) -> dict[str, Any]:
    settings = plan.study.data[name]
    generated = is_generated(plan.study, name)
    what = settings.collection or f"pool of {' and '.join(settings.pool or [])}"
    row: dict[str, Any] = {"name": name, "collection": what, "generated": generated}
    if plan.prepared is None:
        return row | {"images": plan.images.all[name] if plan.images else None, "patients": None}
    manifest = plan.prepared.data[name].manifest
    row |= {"images": manifest.height, "patients": manifest["patient_id"].n_unique()}
    pretraining = [data for each in plan.tasks.values() or [plan] for data in each.study.pretraining_data]
    pool = len(plan.prepared.pretraining_ids(name)) if name in pretraining else None
    row |= {"unlabelled": int((~is_labelled(manifest)).sum()), "pool": pool}
    if not plan.tasks and name == plan.study.labelled_data:
        counts = count_by_split(plan.prepared.task.manifest, plan.prepared.task.split.assignment)
        wanted = counts.filter(counts["finding"].is_in(plan.study.task.findings))
        row["splits"] = dict(counts.select("split", "images").unique(maintain_order=True).iter_rows())
        row["positives"] = {
            finding: dict(rows.select("split", "positives").iter_rows())
            for (finding,), rows in wanted.group_by("finding", maintain_order=True)
        }
    if settings.pool and not plan.tasks and name == plan.study.labelled_data:
        task = plan.prepared.task
        row["parts"] = part_counts(plan.study, plan.prepared.labelled, task.split, task.manifest)
    return row


def _unit_row(prepared: Prepared) -> dict[str, Any]:
    """Return the unit of evaluation, and the numbers of test images and units."""
    task = prepared.study.task
    test = labels(prepared).filter(split="test")
    units = in_units(prepared, test, prepared.labelled).height
    return {"unit": task.unit, "score": task.study_score, "test_units": units, "test_images": test.height}


def _images_row(images: ImageCounts) -> dict[str, Any]:
    return {"train": images.train, "val": images.val, "test": images.test, "counted": images.exact}


def _disk_bytes(steps: list[Step], images: Mapping[str, int], study: Study, parameters: Mapping[str, int]) -> int:
    """Estimate the disk space of steps in bytes, without tables and pages, which are small.

    Stores take one byte per pixel, the weights of each training four bytes per parameter, and one checkpoint of the
    largest model its weights, the best weights and two moments of the optimiser.

    Args:
        steps: Steps to run.
        images: Images of each data set.
        study: The study.
        parameters: Parameters of each encoder.
    """
    pixels = sum(images.get(step.data, 0) for step in steps if isinstance(step, StoreStep)) * image_size(study) ** 2
    generated = [study.data[step.data].generate for step in steps if isinstance(step, GenerateStep)]
    pixels += sum(each.images * each.size**2 for each in generated if each is not None)
    trained = [parameters.get(step.encoder, 0) for step in steps if isinstance(step, StartStep | FinetuneStep)]
    return pixels + 4 * (sum(trained) + 4 * max(trained, default=0))


def _step_row(plan: Plan, step: Step) -> dict[str, Any]:
    row = {"kind": step.kind, "title": step.title, "directory": step.directory}
    return row | {"done": step.directory in plan.done, "seconds": plan.seconds.get(step.directory)}


def _done(steps: list[Step], prepared: PreparedStudy, out: Path) -> set[str]:
    keys = keys_after_failures(prepared, steps, step_keys(steps, prepared), out)
    return {directory for directory, key in keys.items() if is_done(out / directory, key)}


def _estimate(steps: list[Step], images: Mapping[str, ImageCounts], rates: Rates) -> dict[str, tuple[float, float]]:
    """Return the estimated seconds of each step, and their relative uncertainty."""
    first, found = next(iter(images.values())), {}
    for step in steps:
        if isinstance(step, DataStep):
            found[step.directory] = first.all[step.data] / IMAGES_A_SECOND, STEPS_SPREAD
        else:
            rate = rates.of((step.encoder or None) if isinstance(step, EncoderStep) else None)
            found[step.directory] = step.gigaflops / rate.gigaflops, rate.spread
    return found


def parameter_counts(study: Study, arm: str) -> tuple[int, int]:
    """Count the trainable parameters of an arm, and all parameters, head included, without allocating them.

    Both are 0 for an arm with precomputed features.
    """
    if study.arms[arm].features is not None:
        return 0, 0
    tuning, encoder = study.finetuning_of(arm), study.arms[arm].encoder
    if not tuning.train:
        return 0, _counts(encoder, len(study.task.findings), 0, "linear", "own")[1]
    return _counts(encoder, len(study.task.findings), tuning.unfreeze, tuning.head, tuning.pooling)


@cache
def _counts(
    name: str, findings: int, unfreeze: int | Literal["all"], head: HeadName, pooling: PoolingName
) -> tuple[int, int]:
    """Count the trainable and all parameters of an architecture."""
    with weightless():
        encoder = create_encoder(name, seed=0)
        freeze_all_but_last(encoder, unfreeze)
        model = Classifier(encoder, findings, size=encoder.architecture.size, head=head, pooling=pooling)
    return count_parameters(model, trainable_only=True), count_parameters(model)
