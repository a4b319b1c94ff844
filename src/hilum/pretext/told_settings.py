"""Settings of a pretraining run as KEY=VALUE, checked all at once, and told back with their reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

from hilum.errors import HilumErrors
from hilum.pretext.method import MethodSettings
from hilum.pretext.methods import method_of, method_settings
from hilum.pretext.settings import PretextSettings

_REASONS = {
    "epochs": "passes over the films; more films need fewer",
    "batch_size": "films a step; contrastive methods take the others of a batch for negatives",
    "lr": "peak of AdamW's learning rate; lower it when features collapse",
    "weight_decay": "on matrices and kernels only",
    "warmup_epochs": "the learning rate rises in them, at most a quarter of the run, and then falls as a cosine",
    "policy": "random views of nearly the whole film; the method's own unless told",
    "local_policy": "random views of parts of it, where the method has them",
    "size": "side of the views in px; that of the stored films unless told",
    "local_size": "side of local views in px; half of that, at least 32, unless told",
    "precision": "bf16 where the hardware multiplies in it, fp32 elsewhere",
}
"""Settings of every method, in the order in which they are told, and why they are there."""


@dataclass(frozen=True)
class ToldSetting:
    """One setting of a run, for people.

    Attributes:
        name: of the setting.
        value: as it will be; "own" where the method decides.
        given: whether the user said so.
        reason: what it does, or why it is so.
    """

    name: str
    value: Any
    given: bool
    reason: str


def told_settings(method: str, told: Sequence[str], **given: Any) -> PretextSettings:
    """Settings from what a user said; defaults for the rest.

    Args:
        method: one of `hilum.pretext.methods.METHODS`.
        told: KEY=VALUE of a setting of every run, or of the method's own; values are read as YAML.
        given: settings of every run that were said elsewhere; None for those that were not.

    Raises:
        HilumErrors: everything that is wrong with them.
    """
    chosen = method_of(method)
    own = list(chosen.settings.model_fields)
    of_run = {name: value for name, value in given.items() if value is not None}
    of_method: dict[str, Any] = {}
    problems = []
    for text in told:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            problems.append(f"{text}: expected KEY=VALUE")
        elif key in of_run or key in of_method:
            problems.append(f"{key}: said twice")
        elif key in _REASONS:
            problems += _read(key, value, of_run)
        elif key in own:
            problems += _read(key, value, of_method)
        else:
            near = get_close_matches(key, [*_REASONS, *own], n=1)
            problems.append(f"{key}: no such setting{f'; do you mean {near[0]}?' if near else ''}")
    wrong = [name for name, value in of_run.items() if not _fits(name, value)]
    problems += [f"{name}: expected {_KINDS.get(name, _NAME)[0]}; found {of_run[name]!r}" for name in wrong]
    for check in (
        lambda: method_settings(method, of_method),
        lambda: PretextSettings(**{name: value for name, value in of_run.items() if name not in wrong}),
    ):
        try:
            check()
        except HilumErrors as error:
            problems += error.problems
    if problems:
        known = f"it has {', '.join([*_REASONS, *own])}"
        raise HilumErrors(f"settings of {method}", problems, fix=known)
    return PretextSettings(**of_run, options=of_method)


def explained_settings(method: str, settings: PretextSettings) -> list[ToldSetting]:
    """All settings of a run with their reasons: those of every run first, then the method's own."""
    chosen, defaults = method_of(method), PretextSettings()
    own: MethodSettings = method_settings(method, settings.options)
    told = []
    for name, reason in _REASONS.items():
        value = getattr(settings, name)
        if name == "policy" and value is None:
            value = chosen.policy
        if name in ("local_policy", "local_size") and chosen.local_policy is None:
            continue
        if name == "local_policy" and value is None:
            value = chosen.local_policy
        given = getattr(settings, name) != getattr(defaults, name)
        told.append(ToldSetting(name, "own" if value is None else value, given, reason))
    for name, field in type(own).model_fields.items():
        value = getattr(own, name)
        reason = field.description or ""
        told.append(ToldSetting(name, "own" if value is None else value, name in settings.options, reason))
    return told


def _read(key: str, value: str, into: dict[str, Any]) -> list[str]:
    try:
        into[key] = _number(yaml.safe_load(value))
    except yaml.YAMLError:
        return [f"{key}: expected a value; found {value!r}"]
    return []


def _number(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as text."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _fits(name: str, value: Any) -> bool:
    return type(value) in _KINDS.get(name, _NAME)[1]


_NAME: tuple[str, tuple[type, ...]] = ("a name", (str,))
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = dict.fromkeys(
    ("lr", "weight_decay", "warmup_epochs"), ("a number", (int, float))
) | dict.fromkeys(("epochs", "batch_size", "size", "local_size", "workers"), ("a whole number", (int,)))
"""What settings of every run are, and their types; those not named are names."""
