"""Names of settings in earlier versions and in other libraries, for the hint of an error."""

import difflib
from collections.abc import Iterable

RENAMED_SETTINGS = {
    "accumulate": "gradient_accumulation_steps",
    "answer": "output_type",
    "clip_norm": "clip_grad_norm",
    "first_teacher_temperature": "warmup_teacher_temperature",
    "frozen_encoder_steps": "freeze_encoder_steps",
    "frozen_epochs": "freeze_prototypes_epochs",
    "last_weight_decay": "weight_decay_end",
    "local_policy": "local_augmentation",
    "local_views": "local_crops",
    "masked_films": "mask_sample_probability",
    "masked_images": "mask_sample_probability",
    "masked_patches": "mask_ratio",
    "policy": "augmentation",
    "queue_waits": "queue_start_epoch",
    "recompute": "activation_checkpointing",
    "second_policy": "second_augmentation",
}
"""Settings of earlier versions to those of today."""
_ELSEWHERE = {
    "accumulate_grad_batches": "gradient_accumulation_steps",
    "augmentations": "augmentation",
    "batch": "batch_size",
    "freeze_last_layer": "freeze_prototypes_epochs",
    "gradient_checkpointing": "activation_checkpointing",
    "gradient_clip_val": "clip_grad_norm",
    "label_smooth": "label_smoothing",
    "learning_rate": "lr",
    "local_crops_number": "local_crops",
    "max_epochs": "epochs",
    "max_grad_norm": "clip_grad_norm",
    "num_epochs": "epochs",
    "warmup": "warmup_epochs",
    "warmup_teacher_temp": "warmup_teacher_temperature",
    "wd": "weight_decay",
}
"""What Lightning, transformers, timm and the methods' own code call the same settings."""


def similar_name(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant; empty where none is similar.

    Args:
        name: as it was written.
        known: names that would be accepted.

    Example:
        >>> similar_name("learning_rate", ["lr", "epochs"]), similar_name("epoch", ["lr", "epochs"])
        ('lr', 'epochs')
    """
    candidates = list(known)
    same = _ELSEWHERE.get(name, RENAMED_SETTINGS.get(name))
    if same in candidates:
        return str(same)
    near = difflib.get_close_matches(name, candidates, n=1)
    return near[0] if near else ""


def unknown_name(name: str, known: Iterable[str]) -> str:
    """What is wrong with a setting that nobody knows, with the name to write where one is similar.

    Args:
        name: as it was written.
        known: names that would be accepted.

    Example:
        >>> unknown_name("clip_norm", ["clip_grad_norm"]), unknown_name("learning_rate", ["lr"])
        ('was renamed to clip_grad_norm', 'no such setting; do you mean lr?')
    """
    candidates = list(known)
    if RENAMED_SETTINGS.get(name) in candidates:
        return f"was renamed to {RENAMED_SETTINGS[name]}"
    similar = similar_name(name, candidates)
    return f"no such setting{f'; do you mean {similar}?' if similar else ''}"
