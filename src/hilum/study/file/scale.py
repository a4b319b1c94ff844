"""The same study in miniature: every arm, step and table on two cores in minutes, on generated radiographs."""

from collections.abc import Mapping
from typing import Any

from hilum.data.recipe import parse_recipe
from hilum.encoders.catalogue import ARCHITECTURES
from hilum.encoders.published import describe_weights
from hilum.study.file.schema import Study
from hilum.study.file.section import FOLDER_LABELS
from hilum.study.file.sweep import shrunk

TINY_IMAGES = 600
TINY_SIZE = 64
TINY_EPOCHS = 2
TINY_BATCH = 32
TINY_N_BOOTSTRAP = 200
TINY_COUNT = 60
TINY_POINTS = 150
TINY_TRIALS = 4
TINY_ENCODERS = {
    "resnet50": "resnet18",
    "resnet101": "resnet18",
    "vit_small_patch16_224": "vit_tiny_patch16_224",
    "vit_base_patch16_224": "vit_tiny_patch16_224",
    "vit_base_patch14_dinov2": "vit_small_patch14_dinov2",
    "vit_base_patch14_reg4_dinov2": "vit_small_patch14_reg4_dinov2",
    "vit_base_patch16_dinov3": "vit_small_patch16_dinov3",
    "vit_base_patch16_dinov3_qkvb": "vit_small_patch16_dinov3_qkvb",
    "toh2023_unet_encoder": "toh2023_cnn",  # images of 224 px only, and 18 GFLOP each
}
"""Stand-ins for large encoders: of the same family, and of the same blocks, where there is a small one."""


def tiny(study: Study) -> Study:
    """Shrink a study so that it runs end to end without any data in place.

    Data sets become generated images in the same layout, images are at most 64 px, training takes at most two epochs
    and two seeds. Large encoders give way to small ones of their family (`TINY_ENCODERS`), and published weights that
    are not on this machine, or are of the large ones, to random ones. The results mean nothing; that everything runs
    does.
    """
    content = study.model_dump(mode="json", exclude_unset=True)
    _shrink_encoders(content)
    for index, data in enumerate(content["data"].values()):
        data |= {"generate": {"images": TINY_IMAGES, "size": TINY_SIZE, "seed": index}}
        data |= {"release": None, "labeller": None}
        data["labels"] = str(FOLDER_LABELS) if data["collection"] == "folder" else None
    steps = parse_recipe(study.preprocess).as_data()
    content["preprocess"] = [_shrunk_step(step) for step in steps]
    content["pretrain"] = _shrunk_training(
        _shrunk_curriculum(content.get("pretrain", {})),
        study.pretrain.epochs or TINY_EPOCHS,
        study.pretrain.batch_size or TINY_BATCH,
    )
    general = {key: value for key, value in content.get("finetune", {}).items() if key != "steps"}
    content["finetune"] = _shrunk_training(
        general, study.finetune.epochs or TINY_EPOCHS, study.finetune.batch_size or TINY_BATCH
    )
    starts = content.get("starts", {})
    for start in starts.values():
        encoder = start["encoder"]
        if "supervise" in start or "pretrain" in start:
            start |= _shrunk_start(start, encoder, starts)
            for name in ("epochs", "batch_size") if "pretrain" in start else ():
                start.pop(name, None)
        else:
            start["weights"] = _weights_at_hand(start.get("weights", "random"), encoder)
    for arm in content["arms"].values():
        encoder = arm.get("encoder") or starts[arm["start"]]["encoder"]
        if "start" not in arm:
            init = arm.get("init", "random")  # of one word: weights, for one of `starts` is named by `start`
            arm["init"] = (
                _shrunk_start(init, encoder, starts) if isinstance(init, dict) else _weights_at_hand(init, encoder)
            )
        arm["finetune"] = _without_length(arm.get("finetune", {}))
        if arm.get("init") == "random":  # nothing to score as published
            arm["finetune"].pop("train", None)
        if (architecture := ARCHITECTURES[encoder]).fixed:
            arm["finetune"]["size"] = architecture.size
    _shrink_sweeps(study, content)
    content["seeds"] = study.seeds[:2]
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
    return Study.model_validate(content)


def _shrink_encoders(content: dict[str, Any]) -> None:
    """Small encoders in place of large ones, whose weights they cannot take."""
    for part in (*content.get("starts", {}).values(), *content["arms"].values()):
        if part.get("encoder") not in TINY_ENCODERS:
            continue
        part["encoder"] = TINY_ENCODERS[part["encoder"]]
        for key in ("init", "weights", "start"):
            if isinstance(part.get(key), dict):
                part[key] = _without_weights(part[key])
            elif key in part and not (key == "start" and part[key] in content.get("starts", {})):
                part[key] = "random"


def _without_weights(init: dict[str, Any]) -> dict[str, Any]:
    start = init.get("start")
    return init | {"start": _without_weights(start) if isinstance(start, dict) else "random"}


def _shrunk_curriculum(settings: dict[str, Any]) -> dict[str, Any]:
    """Views of two sizes that fit into tiny images."""
    if not isinstance(size := settings.get("size"), dict):
        return settings
    return settings | {"size": {**size, "start": TINY_SIZE // 2, "end": None}}


def _shrink_sweeps(study: Study, content: dict[str, Any]) -> None:
    length = ("epochs", "steps", "batch_size")
    if study.sweep is not None:
        few = shrunk(study.sweep, TINY_TRIALS, length)
        content["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)
    for name, arm in study.arms.items():
        if arm.sweep is not None:
            few = shrunk(arm.sweep, TINY_TRIALS, length)
            content["arms"][name]["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)


def _shrunk_start(init: Any, encoder: str, starts: Mapping[str, Any]) -> Any:
    """A start of few steps, from weights that are here."""
    if not isinstance(init, dict):
        return init if init in starts else _weights_at_hand(init, encoder)
    shrunk = init | {"start": _shrunk_start(init.get("start", "random"), encoder, starts)}
    if "supervise" in init:
        return shrunk | {"finetune": _without_length(init.get("finetune", {}))}
    return _shrunk_curriculum({k: value for k, value in shrunk.items() if k not in ("epochs", "batch_size")})


def _without_length(settings: dict[str, Any]) -> dict[str, Any]:
    length = ("epochs", "steps", "batch_size", "warmup_epochs", "warmup_steps")
    return {name: value for name, value in settings.items() if name not in length}


def _weights_at_hand(init: str, encoder: str) -> str:
    return init if init == "random" or describe_weights(init, encoder).here else "random"


def _shrunk_step(step: Any) -> Any:
    if isinstance(step, dict) and "resize" in step:
        return {"resize": min(int(step["resize"]), TINY_SIZE)}
    return step


def _shrunk_training(settings: dict[str, Any], epochs: int, batch_size: int) -> dict[str, Any]:
    short = {"epochs": min(epochs, TINY_EPOCHS), "batch_size": min(batch_size, TINY_BATCH)}
    if settings.get("warmup_epochs"):
        short["warmup_epochs"] = min(settings["warmup_epochs"], short["epochs"])
    return settings | short
