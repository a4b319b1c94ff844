"""What may be set of a pretraining run, whatever its method: names, ranges, and what each setting is for."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.augment.config import AugmentationConfig
from hilum.declared import text_of
from hilum.pretext.settings.sizes import Size
from hilum.training.settings import Compile, KeepProbed, Optimizer, Precision, TrainingSettings

PresetName = Literal["1k", "10k", "100k", "1M"]
MAY_BE_NONE = ("clip_grad_norm", "weight_decay_end")
"""Settings whose null is a value: not at all. Of the others, null is the same as nothing."""


class RunSettings(BaseModel):
    """Settings of a run as far as they were given; presets give what is left out
    (`hilum.pretext.settings.presets`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    preset: PresetName | None = Field(
        None,
        description="Values for about so many images, for all settings that are left out; by the number of images when "
        "left out.",
    )
    epochs: int | None = Field(None, ge=1, description="Passes over the images; more images need fewer.")
    batch_size: int | None = Field(
        None,
        ge=2,
        description="Images a step, each in two views or more; contrastive methods take the others for negatives.",
    )
    optimizer: Optimizer | None = Field(
        None, description="`sgd` and `lars` have momentum 0.9 and need an `lr` of their own."
    )
    lr: float | None = Field(
        None, gt=0, description="Peak learning rate. Where a preset gives it, it goes with the root of `batch_size`."
    )
    layer_decay: float | None = Field(
        None,
        gt=0,
        le=1,
        description=text_of(TrainingSettings, "layer_decay"),
    )
    weight_decay: float | None = Field(None, ge=0, description="On matrices and kernels only.")
    weight_decay_end: float | None = Field(None, ge=0, description=text_of(TrainingSettings, "weight_decay_end"))
    warmup_epochs: float | None = Field(
        None,
        ge=0,
        description="The learning rate rises in them, at most a quarter of the run, and then falls as a cosine.",
    )
    clip_grad_norm: float | None = Field(None, gt=0, description=text_of(TrainingSettings, "clip_grad_norm"))
    gradient_accumulation_steps: int | None = Field(
        None,
        ge=1,
        description=text_of(TrainingSettings, "gradient_accumulation_steps"),
    )
    activation_checkpointing: bool | None = Field(
        None,
        description=text_of(TrainingSettings, "activation_checkpointing"),
    )
    freeze_encoder_steps: int | None = Field(
        None,
        ge=0,
        description="Steps in which the heads train alone, since random heads would pull good weights apart. When left "
        "out, none from random weights; else an epoch, 100 steps at least, a tenth of the run at most.",
    )
    augmentation: AugmentationConfig | None = Field(
        None,
        description="Random views of nearly the whole image: a name, or ranges; the method's own when left out. See "
        "[augmentations](augmentations.md).",
    )
    second_augmentation: AugmentationConfig | None = Field(
        None, description="The same for the second of two views; that of the first when left out."
    )
    local_augmentation: AugmentationConfig | None = Field(
        None, description="The same for views of parts of it, where the method has them; its own when left out."
    )
    size: Size | None = Field(
        None,
        description="Side of the views in px; that of the stored images when left out. Or small views for the first "
        "part of a run, which takes less time: `{start: 112, until: 0.75}`, of the epochs; with `end`, if not that of "
        "the stored images.",
    )
    local_size: int | None = Field(
        None, ge=16, description="Side of local views in px; half of that, at least 32, when left out."
    )
    keep: KeepProbed | None = Field(
        None,
        description="Whose weights are kept where the run is probed: of the `last` epoch (the default), of the best "
        "probe (`best_probe`), of the latest within one standard error of it (`within_one_error`), or of the best mean "
        "of three probes (`smoothed_probe`).",
    )
    validation: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="Fraction of the patients, at random, that are not learnt from: the loss of their images is "
        "watched, and the epoch of its lowest value is kept, whatever a probe reads. None of them when left out.",
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after so many epochs without a lower loss of these images; never when left out."
    )
    precision: Precision | None = Field(
        None,
        description=text_of(TrainingSettings, "precision"),
    )

    compile: Compile | None = Field(
        None,
        description=text_of(TrainingSettings, "compile"),
    )

    def given(self) -> dict[str, Any]:
        """What was given, by name; not what a subclass has for other ends."""
        names = [name for name in SingleRunSettings.model_fields if name in self.model_fields_set]
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None or name in MAY_BE_NONE}


class SingleRunSettings(RunSettings):
    """Settings of a run that is no part of a study, and can be probed."""

    probe_every: int | None = Field(
        None, ge=0, description="Epochs from one probe to the next, 0 for none; about ten probes a run when left out."
    )


def problems_of_run(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with settings of a run: the setting, and a line that begins with its place."""
    try:
        SingleRunSettings.model_validate(dict(given))
    except ValidationError as error:
        return [
            (str(next(iter(each["loc"]), "")), f"{_place(each['loc'])}: {each['msg']}; found {each['input']!r}")
            for each in error.errors()
        ]
    return []


def _place(parts: tuple[int | str, ...]) -> str:
    """The place of a value with dots; pydantic writes the type that it tried in angle brackets."""
    return ".".join(str(part) for part in parts if not str(part).startswith("<"))
