"""Declaration of the settings common to all pretraining methods: names, ranges, descriptions."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.augment.config import AugmentationConfig
from hilum.declared import Bounds, problem_text, text_of
from hilum.pretext.settings.sizes import Size
from hilum.training.settings import (
    ClipGradNorm,
    Compile,
    Epochs,
    FreezeEncoderSteps,
    GradientAccumulationSteps,
    KeepProbed,
    LayerDecay,
    LearningRate,
    Optimizer,
    Patience,
    Precision,
    TrainingSettings,
    WarmupEpochs,
    WeightDecay,
    WeightDecayEnd,
)

PresetName = Literal["1k", "10k", "100k", "1M"]
MAY_BE_NONE = ("clip_grad_norm", "weight_decay_end")
"""Settings for which null is a value (off). For all others, null means not given."""


class RunSettings(BaseModel):
    """Settings of a run given by the user; omitted ones come from presets (`hilum.pretext.settings.presets`)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    preset: PresetName | None = Field(
        None,
        description="Preset for all omitted settings, by approximate number of images; by default the nearest.",
    )
    epochs: Epochs | None = Field(None, description="Passes over the images; larger data sets need fewer.")
    batch_size: Annotated[int, Bounds(ge=2)] | None = Field(
        None,
        description="Images per step, in two or more views; contrastive methods use the others as negatives.",
    )
    optimizer: Optimizer | None = Field(None, description="`sgd` and `lars` use momentum 0.9 and require `lr`.")
    lr: LearningRate | None = Field(
        None, description="Peak learning rate. A preset's value is scaled with the square root of `batch_size`."
    )
    layer_decay: LayerDecay | None = Field(
        None,
        description=text_of(TrainingSettings, "layer_decay"),
    )
    weight_decay: WeightDecay | None = Field(
        None, description="Weight decay of matrices and kernels; none on biases and norms."
    )
    weight_decay_end: WeightDecayEnd = Field(None, description=text_of(TrainingSettings, "weight_decay_end"))
    warmup_epochs: WarmupEpochs | None = Field(
        None,
        description="Epochs of linear warm-up, at most a quarter of the run, followed by a cosine schedule.",
    )
    clip_grad_norm: ClipGradNorm = Field(None, description=text_of(TrainingSettings, "clip_grad_norm"))
    gradient_accumulation_steps: GradientAccumulationSteps | None = Field(
        None,
        description=text_of(TrainingSettings, "gradient_accumulation_steps"),
    )
    activation_checkpointing: bool | None = Field(
        None,
        description=text_of(TrainingSettings, "activation_checkpointing"),
    )
    freeze_encoder_steps: FreezeEncoderSteps | None = Field(
        None,
        description="Steps at the start in which only the heads train, to protect pretrained weights. "
        "By default 0 from random weights, otherwise one epoch, at least 100 steps and at most a tenth of the run.",
    )
    augmentation: AugmentationConfig | None = Field(
        None,
        description="Augmentation of global views: a name, or ranges; by default the method's. See "
        "[augmentations](augmentations.md).",
    )
    second_augmentation: AugmentationConfig | None = Field(
        None, description="Augmentation of the second global view; by default that of the first."
    )
    local_augmentation: AugmentationConfig | None = Field(
        None, description="Augmentation of local crops, for multi-crop methods; by default the method's."
    )
    size: Size | None = Field(
        None,
        description="Side of the views in px; by default that of the stored images. Or smaller views in the first part "
        "of a run, which is faster: `{start: 112, until: 0.75}` (fraction of the epochs), and `end` if not that of the "
        "stored images.",
    )
    local_size: Annotated[int, Bounds(ge=16)] | None = Field(
        None, description="Side of local crops in px; by default half of `size`, at least 32."
    )
    keep: KeepProbed | None = Field(
        None,
        description="Exported epoch of a run with an online probe: `last` (default), `best_probe`, the latest "
        "within one standard error of it (`within_one_error`), or the best mean of three (`smoothed_probe`).",
    )
    validation: Annotated[float, Bounds(gt=0, le=0.5)] | None = Field(
        None,
        description="Fraction of patients held out at random: the epoch with the lowest loss on their images is "
        "exported, whatever the probe. By default none.",
    )
    patience: Patience = Field(
        None,
        description="Early stopping after this many epochs without a lower held-out loss; by default never.",
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
        """Return the given settings by name, without those of subclasses for other purposes."""
        names = [name for name in SingleRunSettings.model_fields if name in self.model_fields_set]
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None or name in MAY_BE_NONE}


class SingleRunSettings(RunSettings):
    """Settings of a run outside a study, which can have an online probe."""

    probe_every: Annotated[int, Bounds(ge=0)] | None = Field(
        None, description="Epochs between online probes, 0 for none; by default about ten probes per run."
    )


def problems_of_run(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Check settings of a run; return each wrong setting with a line for the error."""
    try:
        SingleRunSettings.model_validate(dict(given))
    except ValidationError as error:
        return [
            (str(next(iter(each["loc"]), "")), f"{_place(each['loc'])}: {problem_text(each)}")
            for each in error.errors()
        ]
    return []


def _place(parts: tuple[int | str, ...]) -> str:
    """Join a location with dots, without the union tags in angle brackets that pydantic adds."""
    return ".".join(str(part) for part in parts if not str(part).startswith("<"))
