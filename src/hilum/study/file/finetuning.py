"""Schema of fine-tuning and of arms with precomputed features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from hilum.augment.config import AugmentationConfig
from hilum.data.resampling import Copies, KeepFraction, Resampling, WeightLimit
from hilum.declared import text_of
from hilum.errors import HilumError
from hilum.finetuning.settings import (
    EMA,
    TTA,
    BatchSize,
    ClassWeights,
    Dropout,
    FinetuneSettings,
    Focal,
    HeadLearningRate,
    HeadName,
    LabelSmoothing,
    MaxClassWeight,
    PoolingName,
    Reduction,
    Size,
    Steps,
    Unfreeze,
    Validations,
    WarmupSteps,
    plateau_settings,
    setting_problems,
)
from hilum.study.file.section import Section, declared_field
from hilum.training.settings import (
    Compile,
    Epochs,
    Keep,
    LayerDecay,
    LearningRate,
    Optimizer,
    Patience,
    PlateauFactor,
    PlateauMinLr,
    PlateauPatience,
    Schedule,
    StopBelowLr,
    TrainingSettings,
    WarmupEpochs,
    WeightDecay,
)

FeatureHeadName = Literal["logistic", "knn", "mlp", "linear"]
"""Same names as `hilum.finetuning.off_the_shelf.FeatureHead`, without importing scikit-learn."""


def _kind(value: object) -> str:
    return "<parts>" if isinstance(value, dict | Section) else "<word>"


class Plateau(Section):
    """Reduce the learning rate when the validation loss stops improving (torch's ReduceLROnPlateau)."""

    factor: PlateauFactor = Field(
        TrainingSettings.plateau_factor, description="Factor by which the learning rate is multiplied."
    )
    patience: PlateauPatience = Field(
        TrainingSettings.plateau_patience, description="Validations without a lower loss before a reduction."
    )
    min_lr: PlateauMinLr = Field(TrainingSettings.plateau_min_lr, description="Lower bound of the learning rate.")
    stop_below_lr: StopBelowLr = Field(
        TrainingSettings.stop_below_lr, description="Stop training once the learning rate is below this value."
    )


class OnPlateau(Section):
    """Learning-rate schedule with settings."""

    plateau: Plateau = Field(description="Reduce the learning rate on plateaus of the validation loss.")


class Resample(Section):
    """Resampling of classes by their weight n / (C n_c): copies of rare classes, fewer images of common ones."""

    above: WeightLimit = Field(
        Resampling.above, description="Classes with a larger weight are oversampled by copies of every image."
    )
    below: WeightLimit = Field(Resampling.below, description="Classes with a smaller weight are undersampled.")
    keep: KeepFraction = Field(Resampling.keep, description="Fraction of images kept in undersampled classes.")
    copies: Copies = Field(
        Resampling.copies,
        description="Copies per image, in this order: mirrored, rotated by -40, -20, 20 and 40 degrees.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Resample":
        try:
            self.resampling()
        except HilumError as error:
            raise ValueError(f"expected {error.expected}; found {error.found}") from None
        return self

    def resampling(self) -> Resampling:
        """Return the rules for `hilum.finetuning`."""
        return Resampling(**self.model_dump())


def _preset(name: str, more: str = "Default: from a preset.") -> Any:
    """Return a field with the description of a setting of `FinetuneSettings` and a default from a preset."""
    return Field(None, description=f"{text_of(FinetuneSettings, name)} {more}")


def _table_alone(value: object) -> object:
    return value if isinstance(value, dict | Section) else {"table": value}


class Features(Section):
    """Precomputed features: no encoder is trained or run; a classifier is fitted to the feature vectors."""

    table: Annotated[
        Annotated[Path, Tag("<word>")] | Annotated[dict[str, Path], Tag("<parts>")], Discriminator(_kind)
    ] = Field(
        description="Parquet file with `image_id` and one column of vectors or several numeric columns, or NPY file "
        "with the ids in NAME.ids.txt; path relative to the data set's ROOT, or absolute. One file per data set (`on`, "
        "`test_on`): `{nih: a.parquet, vindr: b.parquet}`."
    )
    head: FeatureHeadName = Field(
        "logistic",
        description="Classifier: `logistic` regression, `knn` (k nearest neighbours), `mlp` (one hidden layer of 128) "
        "or `linear` (trained by SGD); its regularisation is selected on validation images.",
    )
    missing: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="Images of the task without features: `refuse` to run the study, or `leave_out` these images for "
        "all arms, so that arms are compared on the same images; plan and report give the counts.",
    )
    trained_on: list[str] | None = Field(
        None,
        description="Collections that the feature extractor was trained on, according to its authors; `[]`: no "
        "radiographs. If omitted, its training patients are unknown and `evaluate.contaminated: mark` is required.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return _table_alone(value)

    @property
    def title(self) -> str:
        """Title such as "features of rad_dino.parquet, logistic"."""
        files = [self.table] if isinstance(self.table, Path) else list(self.table.values())
        return f"features of {' and '.join(dict.fromkeys(file.name for file in files))}, {self.head}"

    def file_of(self, data: str) -> Path | None:
        """Return the path of the table of one data set; None without one."""
        return self.table if isinstance(self.table, Path) else self.table.get(data)


class Finetuning(Section):
    """Settings of fine-tuning; most defaults come from a preset for the number of labelled images.

    `hilum study plan` prints all values and their sources. [Fine-tuning](../how-to/finetune.md) explains each setting.
    """

    train: bool = Field(
        True,
        description="`false` (or `finetune: none` for the whole section): no training; published weights are evaluated "
        "with their own classifier.",
    )
    unfreeze: Unfreeze = declared_field(FinetuneSettings, "unfreeze")
    lr: LearningRate | None = _preset("lr")
    head_lr: HeadLearningRate = declared_field(FinetuneSettings, "head_lr")
    layer_decay: LayerDecay = declared_field(FinetuneSettings, "layer_decay")
    weight_decay: WeightDecay | None = _preset("weight_decay")
    optimizer: Optimizer = Field(
        FinetuneSettings.optimizer,
        description="Optimiser. `adamw`: decoupled weight decay; `adam`, `sgd` (momentum 0.9), `lars`: L2 penalty.",
    )
    schedule: Annotated[
        Annotated[Schedule, Tag("<word>")] | Annotated[OnPlateau, Tag("<parts>")],
        Discriminator(_kind),
    ] = Field(
        FinetuneSettings.schedule,
        description="Learning-rate schedule after the warm-up: `cosine` to zero, `constant`, or `{plateau: {factor: "
        "0.1, patience: 3}}`.",
    )
    warmup_epochs: WarmupEpochs = Field(
        FinetuneSettings.warmup_epochs, description="Epochs of linear learning-rate warm-up."
    )
    warmup_steps: WarmupSteps = declared_field(FinetuneSettings, "warmup_steps")
    ema: EMA = declared_field(FinetuneSettings, "ema")
    steps: Steps = _preset("steps", "Default: from a preset, unless `epochs` is set.")
    epochs: Epochs | None = Field(None, description=text_of(FinetuneSettings, "epochs"))
    validations: Validations = _preset("validations")
    keep: Keep | None = _preset("keep")
    patience: Patience = _preset("patience")
    batch_size: BatchSize | None = _preset("batch_size")
    drop_last: bool | None = _preset("drop_last")
    augmentation: AugmentationConfig | None = _preset(
        "augmentation", "Default: from a preset. See [augmentations](augmentations.md)."
    )
    size: Size = declared_field(FinetuneSettings, "size")
    class_weights: ClassWeights = declared_field(FinetuneSettings, "class_weights")
    max_class_weight: MaxClassWeight = declared_field(FinetuneSettings, "max_class_weight")
    focal: Focal = declared_field(FinetuneSettings, "focal")
    label_smoothing: LabelSmoothing = declared_field(FinetuneSettings, "label_smoothing")
    reduction: Reduction = declared_field(FinetuneSettings, "reduction")
    resample: (
        Annotated[
            Annotated[Literal["elwirehardja2025"], Tag("<word>")] | Annotated[Resample, Tag("<parts>")],
            Discriminator(_kind),
        ]
        | None
    ) = Field(
        None,
        description="Over- and undersampling of the classes of a multiclass task: `elwirehardja2025`, or `{above: 2, "
        "below: 0.1, keep: 0.4, copies: 5}`.",
    )
    head: HeadName = declared_field(FinetuneSettings, "head")
    pooling: PoolingName = declared_field(FinetuneSettings, "pooling")
    dropout: Dropout | None = _preset("dropout")
    tta: TTA = declared_field(FinetuneSettings, "tta")
    compile: Compile = Field(FinetuneSettings.compile, description=text_of(TrainingSettings, "compile"))

    @model_validator(mode="before")
    @classmethod
    def _none(cls, value: object) -> object:
        return {"train": False} if value == "none" else value

    @model_validator(mode="after")
    def _one_length(self) -> "Finetuning":
        if self.steps is not None and self.epochs is not None:
            raise ValueError("steps and epochs are both set; keep one")
        if self.warmup_steps is not None and self.warmup_epochs:
            raise ValueError("warmup_steps and warmup_epochs are both set; keep one")
        return self

    def given(self) -> dict[str, Any]:
        """Return the settings in the file by name; null values only where null has a meaning."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {k: v for k, v in values.items() if v is not None or k in _NULL_IS_A_VALUE}

    def instead_of(self, general: "Finetuning") -> "Finetuning":
        """Return `general` overridden by these settings; a length in steps overrides one in epochs, and vice versa."""
        before, own = general.given(), self.given()
        for group in _ONE_OF:
            if group & set(own):
                before = {name: value for name, value in before.items() if name not in group}
        return Finetuning.model_validate(before | own)

    def as_settings(self) -> dict[str, Any]:
        """Return the settings in the file as arguments of `hilum.finetuning.settings.FinetuneSettings`."""
        given = {name: value for name, value in self.given().items() if name != "train"}
        if isinstance(given.get("schedule"), OnPlateau):
            given |= plateau_settings(given["schedule"].plateau.model_dump())
        if (resample := given.get("resample")) is not None:
            given["resample"] = resample.resampling() if isinstance(resample, Resample) else Resampling()
        return given


_NULL_IS_A_VALUE = frozenset(
    {"patience", "validations", "size", "head_lr", "ema", "max_class_weight", "focal", "resample"}
)
_ONE_OF = (frozenset({"steps", "epochs"}), frozenset({"warmup_steps", "warmup_epochs"}))


def combination_problems(
    general: Mapping[str, Any], own: Mapping[str, Any], *, multiclass: bool
) -> list[tuple[str, str]]:
    """Find invalid combinations of settings that are valid by themselves.

    Args:
        general, own: Raw `finetune` sections of the study and of the arm; single invalid values are reported elsewhere.
        multiclass: Whether the task has mutually exclusive classes.

    Returns:
        Pairs of a key and the problem.
    """
    try:
        given = Finetuning.model_validate(own).instead_of(Finetuning.model_validate(general)).as_settings()
    except ValueError:
        return []
    problems = setting_problems(given | {"output_type": "multiclass" if multiclass else "multilabel"})
    texts = [(each.where.removeprefix("finetune."), each) for each in problems]
    return [(key, f"expected {each.expected}; found {each.found}") for key, each in texts]
