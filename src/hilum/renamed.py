"""Names of settings and arguments in earlier versions and in other libraries, for the hint of an error."""

import difflib
import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

from hilum.declared import argument_problems, raise_problems
from hilum.errors import HilumError

P = ParamSpec("P")
R = TypeVar("R")

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
    "positive_weight_limit": "max_class_weight",
    "queue_waits": "queue_start_epoch",
    "recompute": "activation_checkpointing",
    "second_policy": "second_augmentation",
    "weighted": "class_weights",
}
"""Old names of settings to their new names."""
RENAMED_OUTPUT_TYPES = {
    "each": "multilabel",
    "each_or_uncertain": "multilabel_u_multiclass",
    "exclusive": "multiclass",
}
"""Old values of `output_type`, and of `task.classes`, to the current ones."""
RENAMED_VALUES = {"classes": RENAMED_OUTPUT_TYPES, "output_type": RENAMED_OUTPUT_TYPES}
"""Old values of settings and keys of study files to the current ones, by setting or key."""
RENAMED_KEYS = {
    ("task", "films"): "images",
    ("task", "labelled"): "label_fraction",
    ("task", "vote"): "consensus",
    ("task", "positive_from_grade"): "severity_threshold",
    ("explain", "films"): "candidates",
    ("evaluate", "against"): "reference",
    ("evaluate", "redraws"): "n_bootstrap",
    ("evaluate", "min_positives"): "min_positive_patients",
}
"""Old keys of study files to the current ones, by section and key."""
RENAMED_ARGUMENTS = {
    "against": "reference",
    "fraction": "label_fraction",
    "fractions": "patient_fractions",
    "like": "similar_to",
    "min_positives": "min_positive_patients",
    "other": "compare_with",
    "redraws": "n_bootstrap",
    "same_patient": "allow_same_patient",
    "weights": "init",
}
"""Old names of arguments of the Python API to their new names."""
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
"""Names of the same settings in Lightning, transformers, timm and the code of the methods."""


def with_current_keys(study: Mapping[str, Any]) -> dict[str, Any]:
    """Return the study file of an earlier run with the current names of its keys, to show its results.

    Args:
        study: Content of study.yaml, of any version.

    Example:
        >>> with_current_keys({"evaluate": {"min_positives": 5}, "task": {"classes": "exclusive"}})
        {'evaluate': {'min_positive_patients': 5}, 'task': {'classes': 'multiclass'}}
    """
    current = dict(study)
    for section, content in study.items():
        if isinstance(content, Mapping):
            current[section] = {RENAMED_KEYS.get((section, key), key): value for key, value in content.items()}
    task = current.get("task")
    if isinstance(task, dict) and (classes := renamed_value("classes", task.get("classes"))):
        task["classes"] = classes
    return current


def similar_name(name: str, known: Iterable[str]) -> str:
    """Return the most similar known name, or an empty string if none is similar.

    Args:
        name: Name as written.
        known: Accepted names.

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


def renamed_value(name: str, value: object) -> str:
    """Return the current name of a renamed value of a setting; empty if it was not renamed.

    Args:
        name: Current name of the setting, or of the key of a study file.
        value: Value as written.

    Example:
        >>> renamed_value("output_type", "exclusive"), renamed_value("output_type", "multiclass")
        ('multiclass', '')
    """
    return RENAMED_VALUES.get(name, {}).get(value, "") if isinstance(value, str) else ""


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Describe the error of an unknown setting, with the new or a similar name if there is one.

    Args:
        name: Name as written.
        known: Accepted names.

    Example:
        >>> unknown_name("clip_norm", ["clip_grad_norm"]), unknown_name("learning_rate", ["lr"])
        ('was renamed to clip_grad_norm', 'no such setting; do you mean lr?')
    """
    candidates = list(known)
    if RENAMED_SETTINGS.get(name) in candidates:
        return f"was renamed to {RENAMED_SETTINGS[name]}"
    similar = similar_name(name, candidates)
    return f"no such setting{f'; do you mean {similar}?' if similar else ''}"


def checked_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of the Python API.

    An unknown keyword argument, or a number out of the `Bounds` of its annotation, raises a `HilumError` with a hint.
    A single name is accepted where several are (`metrics="auroc"`), and scalars of NumPy are converted.

    Args:
        function: Function with named parameters; `settings`, if it is one, takes further settings by name.

    Example:
        >>> @checked_arguments
        ... def train(out, *, settings=()): ...
        >>> train("runs", lr=0.001)
        Traceback (most recent call last):
        hilum.errors.HilumError: train(lr=…): expected an argument of train; found none of this name. \
Write settings={'lr': 0.001}.
    """
    signature = inspect.signature(function)
    parameters = signature.parameters

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in kwargs.items():
            if name not in parameters:
                raise HilumError(
                    f"{function.__name__}({name}=…)",
                    expected=f"an argument of {function.__name__}",
                    found="none of this name",
                    fix=_hint(name, value, parameters),
                )
        bound = signature.bind(*args, **kwargs)
        hints = {name: parameters[name].annotation for name in bound.arguments}
        plain = {name: _plain(value, hints[name]) for name, value in bound.arguments.items()}
        raise_problems(argument_problems(hints, plain), function.__name__)
        bound.arguments.update(plain)
        return function(*bound.args, **bound.kwargs)

    return checked


_NAMES = (Sequence[str], Sequence[str] | None, Collection[str])


def _plain(value: Any, hint: Any) -> Any:
    """Return a scalar of NumPy as a Python number, and a single name as a list of names where several are accepted."""
    if hint in _NAMES and value is not None:
        return [value] if isinstance(value, str) else list(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _hint(name: str, value: object, parameters: Mapping[str, inspect.Parameter]) -> str:
    renamed = RENAMED_SETTINGS.get(name)
    for new in (RENAMED_ARGUMENTS.get(name), renamed):
        if new in parameters:
            return f"It was renamed to {new}."
    if renamed is not None and "settings" in parameters:
        return f"It was renamed: write settings={{{renamed!r}: {value!r}}}."
    if similar := difflib.get_close_matches(name, parameters, n=1, cutoff=0.8):
        return f"Do you mean {similar[0]}?"
    if "settings" in parameters:
        return f"Write settings={{{name!r}: {value!r}}}."
    return f"It has {', '.join(parameters)}."
