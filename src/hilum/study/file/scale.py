"""The same study in miniature: every arm, step and table on two cores in minutes, on generated radiographs."""

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
TINY_REDRAWS = 200
TINY_COUNT = 60
TINY_POINTS = 150
TINY_TRIALS = 4


def tiny(study: Study) -> Study:
    """Shrink a study so that it runs end to end without any data in place.

    Data sets become generated images in the same layout, images are at most 64 px, training takes at most two epochs
    and two seeds. Published weights that are not on this machine give way to random ones. The results mean nothing;
    that everything runs does.
    """
    content = study.model_dump(mode="json", exclude_unset=True)
    for index, data in enumerate(content["data"].values()):
        data |= {"generate": {"images": TINY_IMAGES, "size": TINY_SIZE, "seed": index}}
        data |= {"release": None, "labeller": None}
        data["labels"] = str(FOLDER_LABELS) if data["collection"] == "folder" else None
    steps = parse_recipe(study.preprocess).as_data()
    content["preprocess"] = [_shrunk_step(step) for step in steps]
    content["pretrain"] = _shrunk_training(
        content.get("pretrain", {}), study.pretrain.epochs or TINY_EPOCHS, study.pretrain.batch_size or TINY_BATCH
    )
    general = {key: value for key, value in content.get("finetune", {}).items() if key != "steps"}
    content["finetune"] = _shrunk_training(
        general, study.finetune.epochs or TINY_EPOCHS, study.finetune.batch_size or TINY_BATCH
    )
    for arm in content["arms"].values():
        if isinstance(arm.get("init"), dict):
            arm["init"] = {name: told for name, told in arm["init"].items() if name not in ("epochs", "batch_size")}
            arm["init"]["start"] = _weights_at_hand(arm["init"].get("start", "random"), arm["encoder"])
        else:
            arm["init"] = _weights_at_hand(arm.get("init", "random"), arm["encoder"])
        own = ("epochs", "steps", "batch_size")
        arm["finetune"] = {k: v for k, v in arm.get("finetune", {}).items() if k not in own}
        if (architecture := ARCHITECTURES[arm["encoder"]]).fixed:
            arm["finetune"]["size"] = architecture.size
    _shrink_sweeps(study, content)
    content["seeds"] = study.seeds[:2]
    content["evaluate"] = content.get("evaluate", {}) | {
        "redraws": min(study.evaluate.redraws, TINY_REDRAWS),
        "min_positives": min(study.evaluate.min_positives, 2),
    }
    if study.explain is not None:
        few = {
            "candidates": min(study.explain.candidates, TINY_COUNT),
            "points": min(study.explain.points, TINY_POINTS),
        }
        content["explain"] = content.get("explain", {}) | few
    return Study.model_validate(content)


def _shrink_sweeps(study: Study, content: dict[str, Any]) -> None:
    length = ("epochs", "steps", "batch_size")
    if study.sweep is not None:
        few = shrunk(study.sweep, TINY_TRIALS, length)
        content["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)
    for name, arm in study.arms.items():
        if arm.sweep is not None:
            few = shrunk(arm.sweep, TINY_TRIALS, length)
            content["arms"][name]["sweep"] = few and few.model_dump(mode="json", exclude_unset=True)


def _weights_at_hand(init: str, encoder: str) -> str:
    return init if init == "random" or describe_weights(init, encoder).here else "random"


def _shrunk_step(step: Any) -> Any:
    if isinstance(step, dict) and "resize" in step:
        return {"resize": min(int(step["resize"]), TINY_SIZE)}
    return step


def _shrunk_training(settings: dict[str, Any], epochs: int, batch_size: int) -> dict[str, Any]:
    return settings | {"epochs": min(epochs, TINY_EPOCHS), "batch_size": min(batch_size, TINY_BATCH)}
