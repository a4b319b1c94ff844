"""`--scale tiny`: a study reduced to minutes on two cores, with generated radiographs."""

from collections.abc import Iterable, Mapping
from typing import Any

from hilum.data.recipe import parse_recipe
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published import describe_weights
from hilum.errors import HilumError
from hilum.findings import ADDED_COLLECTIONS
from hilum.finetuning.settings import WITH_OWN_HEAD
from hilum.study.file.pretraining import Pretrained, Supervised
from hilum.study.file.schema import Study
from hilum.study.file.section import FOLDER_LABELS
from hilum.study.file.sweep import shrink_sweep
from hilum.study.file.views import starts_in, views_of

TINY_IMAGES = 300
TINY_EXCLUSIVE_IMAGES = 450
"""Images of a multiclass data set, where rare classes need more images."""
TINY_POOL_IMAGES = 150
"""Images of a data set that is used for pretraining only."""
TINY_PREVALENCE = 0.13
"""Minimum prevalence of each finding, so that a few dozen test images contain every finding."""
TINY_SIZE = 64
SIZE_OF_MANY = 48
"""Image size of a study with more than `TINY_TRAININGS` trainings (then one epoch each) and no pretraining, whose masks
and crops need multiples of 32."""
SMALLEST_SIZE = 32
TINY_EPOCHS = 2
TINY_BATCH = 32
TINY_N_BOOTSTRAP = 200
TINY_COUNT = 60
TINY_POINTS = 150
TINY_TRIALS = 4
TINY_TRAININGS = 24
"""With more fine-tunings than this, a tiny study has one seed and sweeps of two trials."""
TINY_ENCODERS: Mapping[str, tuple[str, ...]] = {
    "resnet34": ("resnet18",),
    "resnet50": ("resnet18", "resnet34"),
    "resnet101": ("resnet18", "resnet34", "resnet50"),
    "convnextv2_nano": ("convnextv2_atto", "convnextv2_femto"),
    "convnextv2_tiny": ("convnextv2_atto", "convnextv2_femto", "convnextv2_pico"),
    "convnextv2_base": ("convnextv2_atto", "convnextv2_femto", "convnextv2_pico", "convnextv2_nano"),
    "convnext_small": ("convnext_tiny",),
    "convnext_base": ("convnext_tiny", "convnext_small"),
    "convnext_large": ("convnext_tiny", "convnext_small", "convnext_base"),
    "vit_small_patch16_224": ("vit_tiny_patch16_224",),
    "vit_base_patch16_224": ("vit_tiny_patch16_224", "vit_small_patch16_224"),
    "vit_base_patch14_dinov2": ("vit_small_patch14_dinov2",),
    "vit_large_patch14_dinov2": ("vit_small_patch14_dinov2", "vit_base_patch14_dinov2"),
    "vit_base_patch14_reg4_dinov2": ("vit_small_patch14_reg4_dinov2",),
    "vit_large_patch14_reg4_dinov2": ("vit_small_patch14_reg4_dinov2", "vit_base_patch14_reg4_dinov2"),
    "vit_base_patch16_dinov3": ("vit_small_patch16_dinov3",),
    "vit_base_patch16_dinov3_qkvb": ("vit_small_patch16_dinov3_qkvb",),
    "eva_x_small_patch16": ("eva_x_tiny_patch16",),
    "eva_x_base_patch16": ("eva_x_tiny_patch16", "eva_x_small_patch16"),
    "toh2023_unet_encoder": ("resnet18", "resnet34"),  # images of 224 px only, and 18 GFLOP each
}
"""Small encoders of the same family and block type in place of large ones; best first."""
TINY_FOR_FEATURES = "resnet18"
"""Encoder, frozen and with random weights, in place of precomputed features."""


def tiny(study: Study) -> Study:
    """Reduce a study so that it runs end to end in minutes, without real data.

    Data sets are replaced by generated images of at most 64 px in the same layout. Training takes at most two epochs
    and two seeds (one seed for studies with many arms). Large encoders are replaced by small ones of their family
    (`tiny_encoders`), and weights that are not on this machine, or belong to the large encoders, by random weights. The
    results have no meaning; the run tests the study file.

    Raises:
        HilumError: A data set of an extension package, whose layout cannot be generated.
    """
    content = study.model_dump(mode="json", exclude_unset=True)
    many = sum(len(view.study.arms) for view in views_of(study)) * len(study.seeds[:2]) > TINY_TRAININGS
    shorter = many and not _pretrains(study)
    size = SIZE_OF_MANY if shorter else TINY_SIZE
    _shrink_encoders(content)
    _generate_data(study, content, size)
    content["preprocess"] = [_shrunk_step(step, size) for step in parse_recipe(study.preprocess).as_data()]
    content["pretrain"] = _shrunk_training(
        _shrunk_curriculum(content.get("pretrain", {})), study.pretrain.epochs or TINY_EPOCHS
    )
    general = {key: value for key, value in content.get("finetune", {}).items() if key != "steps"}
    content["finetune"] = _shrunk_training(general, 1 if shorter else study.finetune.epochs or TINY_EPOCHS)
    _shrink_starts(content)
    _shrink_arms(study, content)
    _shrink_sweeps(study, content, TINY_TRIALS // 2 if many else TINY_TRIALS)
    _shrink_sizes(content, size)
    content["seeds"] = study.seeds[: 1 if many else 2]
    _shrink_evaluation(study, content)
    return Study.model_validate(content)


def _generate_data(study: Study, content: dict[str, Any], size: int) -> None:
    """Replace every data set by generated images; their number depends on the role of the data set."""
    multiclass = {view.study.labelled_data for view in views_of(study) if view.study.task.classes == "multiclass"}
    multiclass |= {part for name in multiclass for part in study.data[name].pool or ()}
    with_labels = _with_labels(study)
    own = {name: data for name, data in content["data"].items() if not data.get("pool")}
    for index, (name, data) in enumerate(own.items()):
        if data["collection"] in ADDED_COLLECTIONS:
            fix = "Give this data set's folder, and run with --scale full."
            expected = "a native layout in which Hilum can generate images"
            raise HilumError(f"data.{name}.collection", expected=expected, found=data["collection"], fix=fix)
        images = TINY_EXCLUSIVE_IMAGES if name in multiclass else TINY_IMAGES
        images = images if name in with_labels else TINY_POOL_IMAGES
        generate = {"images": images, "size": size, "seed": index, "min_prevalence": TINY_PREVALENCE}
        if name in multiclass:
            generate["max_findings"] = 1
        labels = str(FOLDER_LABELS) if data["collection"] == "folder" else None
        data |= {"generate": generate, "url": None, "sha256": None, "release": None, "labeller": None, "labels": labels}


def _shrink_starts(content: dict[str, Any]) -> None:
    """Shorten the trainings of named starts, and replace weights that are not on this machine."""
    starts = content.get("starts", {})
    for start in starts.values():
        if "supervise" in start or "pretrain" in start:
            start |= _shrunk_start(start, start["encoder"], starts)
            for name in ("epochs", "batch_size") if "pretrain" in start else ():
                start.pop(name, None)
        else:
            start["weights"] = _available_weights(start.get("weights", "random"), start["encoder"])


def _shrink_arms(study: Study, content: dict[str, Any]) -> None:
    """Adapt each arm's start and fine-tuning settings to its small encoder."""
    starts = content.get("starts", {})
    for name, arm in content["arms"].items():
        if "features" in arm:  # generated images have no precomputed features
            content["arms"][name] = {"encoder": TINY_FOR_FEATURES, "finetune": {"unfreeze": 0}}
            if "tasks" in arm:
                content["arms"][name]["tasks"] = arm["tasks"]
            continue
        encoder = _encoder(arm, content)
        if "start" not in arm:
            init = arm.get("init", "random")  # a string names weights; named starts are under `start`
            is_section = isinstance(init, dict)
            arm["init"] = _shrunk_start(init, encoder, starts) if is_section else _available_weights(init, encoder)
        arm["finetune"] = _without_length(arm.get("finetune", {}))
        if arm.get("init") == "random":  # no published classifier
            arm["finetune"].pop("train", None)
        if (architecture := ARCHITECTURES[encoder]).fixed:
            arm["finetune"]["size"] = architecture.size
        if study.finetuning_of(name).head == "own" and encoder not in WITH_OWN_HEAD:
            arm["finetune"]["head"] = "linear"


def _shrink_evaluation(study: Study, content: dict[str, Any]) -> None:
    """Reduce bootstrap resamples, explained images and the minimum number of positives."""
    content["evaluate"] = content.get("evaluate", {}) | {
        "n_bootstrap": min(study.evaluate.n_bootstrap, TINY_N_BOOTSTRAP),
        "min_positive_patients": min(study.evaluate.min_positive_patients, 2),
    }
    if study.explain is not None:
        few = {
            "candidates": min(study.explain.candidates, TINY_COUNT),
            "points": min(study.explain.points, TINY_POINTS),
        }
        content["explain"] = content.get("explain", {}) | few


def _pretrains(study: Study) -> bool:
    starts = (init for view in views_of(study) for arm in view.study.arms.values() for init in starts_in(arm.init))
    return any(isinstance(init, Pretrained) for init in starts)


def _with_labels(study: Study) -> set[str]:
    """Return the data sets whose labels are used by a task, an external test or a start; pools by their parts."""
    named: set[str] = set()
    for view in views_of(study):
        named |= {view.study.labelled_data, *view.study.task.external}
        for arm in view.study.arms.values():
            for init in starts_in(arm.init):
                if isinstance(init, Supervised) and not isinstance(init.supervise, str):
                    named.add(init.supervise.on)
    return named | {part for name in named for part in study.data[name].pool or ()}


def tiny_encoders(encoders: Iterable[str]) -> dict[str, str]:
    """Choose small encoders in place of a study's large ones, distinct as far as possible.

    Args:
        encoders: Encoders of the study's arms and starts.

    Returns:
        Small encoder by large encoder; encoders that are already small are absent.
    """
    named = sorted(set(encoders) & ARCHITECTURES.keys(), key=lambda name: (ARCHITECTURES[name].parameters, name))
    taken = {name for name in named if name not in TINY_ENCODERS}
    chosen: dict[str, str] = {}
    for name in named:
        if name in TINY_ENCODERS:
            free = [small for small in TINY_ENCODERS[name] if small not in taken]
            chosen[name] = (free or TINY_ENCODERS[name])[0]
            taken.add(chosen[name])
    return chosen


def _shrink_encoders(content: dict[str, Any]) -> None:
    """Replace large encoders by small ones with random weights."""
    parts = (*content.get("starts", {}).values(), *content["arms"].values())
    small = tiny_encoders(part["encoder"] for part in parts if part.get("encoder"))
    for part in parts:
        if part.get("encoder") not in small:
            continue
        part["encoder"] = small[part["encoder"]]
        for key in ("init", "weights", "start"):
            if isinstance(part.get(key), dict):
                part[key] = _without_weights(part[key])
            elif key in part and not (key == "start" and part[key] in content.get("starts", {})):
                part[key] = "random"


def _encoder(arm: dict[str, Any], content: dict[str, Any]) -> str:
    """Return the encoder of an arm, or of its named start."""
    return str(arm.get("encoder") or content["starts"][arm["start"]]["encoder"])


def _without_weights(init: dict[str, Any]) -> dict[str, Any]:
    start = init.get("start")
    return init | {"start": _without_weights(start) if isinstance(start, dict) else "random"}


def _shrunk_curriculum(settings: dict[str, Any]) -> dict[str, Any]:
    """Adapt a curriculum of crop sizes to tiny images."""
    if not isinstance(size := settings.get("size"), dict):
        return settings
    return settings | {"size": {**size, "start": TINY_SIZE // 2, "end": None}}


def _shrink_sizes(content: dict[str, Any], largest: int) -> None:
    """Limit the input sizes of arms to the image size; distinct sizes stay distinct and in order."""
    parts = [part["finetune"] for part in (content, *content["arms"].values()) if part.get("finetune", {}).get("size")]
    fixed = [arm["finetune"] for arm in content["arms"].values() if ARCHITECTURES[_encoder(arm, content)].fixed]
    free = [part for part in parts if not any(part is each for each in fixed)]
    sizes = sorted({part["size"] for part in free})
    step = (largest - SMALLEST_SIZE) // max(len(sizes) - 1, 1)
    small = {size: largest - step * place for place, size in enumerate(reversed(sizes))}
    for part in free:
        part["size"] = min(part["size"], small[part["size"]])


def _shrink_sweeps(study: Study, content: dict[str, Any], trials: int) -> None:
    length = ("epochs", "steps", "batch_size")
    if study.sweep is not None:
        few = shrink_sweep(study.sweep, trials, length)
        content["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)
    for name, arm in study.arms.items():
        if arm.sweep is not None:
            few = shrink_sweep(arm.sweep, trials, length)
            content["arms"][name]["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)


def _shrunk_start(init: Any, encoder: str, starts: Mapping[str, Any]) -> Any:
    """Shorten a start, and replace weights that are not on this machine."""
    if not isinstance(init, dict):
        return init if init in starts else _available_weights(init, encoder)
    shrunk = init | {"start": _shrunk_start(init.get("start", "random"), encoder, starts)}
    if "supervise" in init:
        return shrunk | {"finetune": _without_length(init.get("finetune", {}))}
    return _shrunk_curriculum({k: value for k, value in shrunk.items() if k not in ("epochs", "batch_size")})


def _without_length(settings: dict[str, Any]) -> dict[str, Any]:
    length = ("epochs", "steps", "batch_size", "warmup_epochs", "warmup_steps")
    return {name: value for name, value in settings.items() if name not in length}


def _available_weights(init: str, encoder: str) -> str:
    return init if init == "random" or describe_weights(init, encoder).here else "random"


def _shrunk_step(step: Any, size: int) -> Any:
    if isinstance(step, dict) and "resize" in step:
        return {"resize": min(int(step["resize"]), size)}
    return step


def _shrunk_training(settings: dict[str, Any], epochs: int) -> dict[str, Any]:
    """Limit the epochs, and set one batch size."""
    short = {"epochs": min(epochs, TINY_EPOCHS), "batch_size": TINY_BATCH}
    if settings.get("warmup_epochs"):
        short["warmup_epochs"] = min(settings["warmup_epochs"], short["epochs"])
    return settings | short
