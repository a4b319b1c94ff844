"""Parsing and validation of KEY=VALUE settings of a pretraining run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import yaml

from hilum.augment.library import named_augmentation
from hilum.errors import HilumError, HilumErrors
from hilum.pretext.methods import method_of, method_settings
from hilum.pretext.settings.pretext import AUGMENTATION_KEYS, PretextSettings
from hilum.pretext.settings.run import RunSettings, SingleRunSettings, problems_of_run
from hilum.renamed import unknown_name
from hilum.training.settings import Device
from hilum.yaml_loader import parse_value


@dataclass(frozen=True)
class SettingOverrides:
    """Settings given by the user.

    Attributes:
        run: Settings common to all methods.
        options: Settings of the method, by name.
        device: Device; does not change results.
    """

    run: RunSettings = field(default_factory=RunSettings)
    options: Mapping[str, Any] = field(default_factory=dict)
    device: Device = "auto"


def parse_overrides(method: str, overrides: Sequence[str], *, device: str = "auto", **given: Any) -> SettingOverrides:
    """Parse and check settings given by the user.

    Args:
        method: A name of `hilum.pretext.methods.registry.METHODS`.
        overrides: KEY=VALUE of common settings or settings of the method; values are YAML.
        device: As in `TrainingSettings`.
        given: Common settings given by other means; None: not given.

    Raises:
        HilumErrors: All problems of the settings.
    """
    own = list(method_of(method).settings.model_fields)
    of_run = {name: value for name, value in given.items() if value is not None}
    of_method: dict[str, Any] = {}
    problems = []
    for text in overrides:
        key, equals, value = text.partition("=")
        if not (key and equals and value):
            problems.append(f"{text}: expected KEY=VALUE")
        elif key in of_run or key in of_method:
            problems.append(f"{key}: given twice")
        elif key in SingleRunSettings.model_fields:
            problems += _read(key, value, of_run)
        elif key in own:
            problems += _read(key, value, of_method)
        else:
            problems.append(f"{key}: {unknown_name(key, [*SingleRunSettings.model_fields, *own])}")
    for name in AUGMENTATION_KEYS:
        problems += _read_augmentation(name, of_run)
    problems += _problems(method, of_run, of_method, cast(Device, device))
    if problems:
        known = f"known settings: {', '.join([*SingleRunSettings.model_fields, *own])}"
        raise HilumErrors(f"settings of {method}", problems, fix=known)
    return SettingOverrides(SingleRunSettings(**of_run), of_method, cast(Device, device))


def _problems(method: str, of_run: Mapping[str, Any], of_method: Mapping[str, Any], device: Device) -> list[str]:
    problems = [line for _, line in problems_of_run(of_run)]
    augmentations = {name: of_run[name] for name in AUGMENTATION_KEYS if isinstance(of_run.get(name), str)}
    if of_run.get("optimizer") in ("sgd", "lars") and of_run.get("lr") is None:
        problems.append(
            f"lr: expected a value suitable for {of_run['optimizer']}; found none, and the preset's is for AdamW"
        )
    for check in (lambda: PretextSettings(**augmentations, device=device), lambda: method_settings(method, of_method)):
        try:
            check()
        except HilumErrors as error:
            problems += error.problems
    return problems


def _read(key: str, value: str, into: dict[str, Any]) -> list[str]:
    try:
        into[key] = parse_value(value)
    except yaml.YAMLError:
        return [f"{key}: expected a value; found {value!r}"]
    return []


def _read_augmentation(name: str, of_run: dict[str, Any]) -> list[str]:
    """Replace the path of a YAML file by its augmentation."""
    overrides = of_run.get(name)
    if not (isinstance(overrides, str) and overrides.endswith((".yaml", ".yml"))):
        return []
    try:
        of_run[name] = named_augmentation(overrides)
    except HilumError as error:
        del of_run[name]
        problems_of_file = (
            error.problems if isinstance(error, HilumErrors) else [f"expected {error.expected}; found {error.found}"]
        )
        return [f"{name}: {overrides}: {problem}" for problem in problems_of_file]
    return []
