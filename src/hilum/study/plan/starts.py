"""Initial weights of arms: source, licence, training data, and image differences to fine-tuning."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.data.fetching import is_address
from hilum.data.preprocess import parse_recipe
from hilum.encoders.published import describe_weights, find_weights
from hilum.encoders.statements import Statement, describe_statements
from hilum.finetuning.monitoring import StartDifference
from hilum.finetuning.monitoring.start_differences import start_differences
from hilum.pretext.settings import last_size
from hilum.study.file import Pretrained, Study
from hilum.study.file.finetuning import Features
from hilum.study.file.pretraining import Supervised
from hilum.study.file.views import starts_in


@dataclass(frozen=True)
class Start:
    """Initial weights of an arm.

    Attributes:
        title: Title: "random", "mocov2 on ours/train", or the name of the weights.
        source: URL or directory of the weights; empty if the study trains them.
        licence: Licence of published weights.
        here: Whether the weights are on this machine; None if the study trains them.
        trained_on: Description of the training images; "nothing" for random weights.
        statements: Statements of the authors of published weights on their training data.
        patients: Full names (with pseudonyms for ids) of the training patients of weights from earlier runs of Hilum.
    """

    title: str
    source: str
    licence: str
    here: bool | None
    trained_on: str
    statements: Sequence[Statement]
    patients: Sequence[str]


def start_of(study: Study, arm: str) -> Start:
    """Describe the initial weights of an arm; reads cards and the registry, and no data.

    Raises:
        HilumError: Unknown weights, or weights of another encoder.
    """
    settings, title = study.arms[arm], study.starts_from(arm)
    if settings.features is not None:
        stated = statements_of_features(settings.features)
        files = [str(settings.features.table)] if isinstance(settings.features.table, Path) else []
        unknown = "training patients not known" if settings.features.trained_on is None else describe_statements(stated)
        return Start(title, "".join(files), "", True, unknown, stated, [])
    weights = study.weights_of(arm)
    if weights is None:
        return Start(title, "", "", None, "; ".join(_pretraining_data(study, arm)) or "nothing", [], [])
    described = describe_weights(weights, settings.encoder)
    trained_on = (
        [describe_statements(described.trained_on)] if described.trained_on or not described.training_patients else []
    )
    if described.training_patients:
        trained_on.append(f"{len(described.training_patients):,} patients of own runs")
    trained_on += _pretraining_data(study, arm)
    return Start(
        title,
        described.source,
        described.licence,
        described.here,
        "; ".join(trained_on),
        described.trained_on,
        described.training_patients,
    )


def fetch_command(study: Study, arm: str) -> str:
    """Return the command that downloads an arm's weights."""
    weights = study.weights_of(arm)
    if weights is None or is_address(weights):
        return "hilum study fetch"
    return f"hilum weights fetch {find_weights(weights, study.arms[arm].encoder).name}"


def statements_of_features(features: Features) -> list[Statement]:
    """Return the study file's statements on the training data of a feature extractor."""
    source = "the study file"
    if features.trained_on is None:
        return [Statement(certainty="unknown", source=source)]
    return [Statement(collection=name, certainty="part", source=source) for name in features.trained_on]


def _pretraining_data(study: Study, arm: str) -> list[str]:
    """Describe the pretraining data of an arm in this study."""
    return [
        f"images of {init.pool()}"
        if isinstance(init, Pretrained)
        else f"images and labels of {study.supervised_data(init)}"
        for init in starts_in(study.arms[arm].init)
    ]


def differences_of_start(study: Study, arm: str) -> list[StartDifference]:
    """Compare the images of an arm's pretraining and fine-tuning; empty for random weights.

    Raises:
        HilumError: Unknown weights, or weights of another encoder.
    """
    if study.arms[arm].features is not None:
        return []
    recipe, init = parse_recipe(study.preprocess), study.arms[arm].init
    steps, finetuned_size = recipe.as_data(), study.finetuning_of(arm).size or recipe.size
    if isinstance(init, Supervised):
        size = init.finetune.size or study.finetune.size or recipe.size
        return start_differences(size, steps, finetuned_size=finetuned_size, finetuned_steps=steps)
    if isinstance(init, Pretrained):
        size = last_size(init.size or study.pretrain.size, recipe.size)
        return start_differences(size, steps, finetuned_size=finetuned_size, finetuned_steps=steps)
    if (weights := study.weights_of(arm)) is None:
        return []
    described = describe_weights(weights, study.arms[arm].encoder)
    return start_differences(
        described.image_size, described.preprocessing, finetuned_size=finetuned_size, finetuned_steps=steps
    )
