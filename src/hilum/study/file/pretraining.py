"""What a study file may say of pretraining."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hilum.pretext.settings import RunSettings
from hilum.study.file.section import Section, fraction_not_percent, percent_of


def _data_sets(value: object) -> object:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        if len(set(value)) < len(value):
            raise ValueError(f"{value} names a data set twice")
        return value
    if isinstance(value, dict) and value and all(map(_is_share, value.items())):
        return value
    if isinstance(value, dict):
        fraction_not_percent(value)
    raise ValueError(
        f"{value!r} is neither a data set, nor a list of them, nor data sets with the fraction of their patients"
    )


def _is_share(item: tuple[object, object]) -> bool:
    name, share = item
    return isinstance(name, str) and not isinstance(share, bool) and isinstance(share, int | float) and 0 < share <= 1


class Pretraining(RunSettings, Section):
    """Settings of pretraining without labels. What is left out takes the preset for the number of images."""

    seeds: Literal["each", "first"] = Field(
        "each",
        description="`each`: pretrain anew for every seed, so that intervals hold for pretraining too; "
        "`first`: once, with the first seed (cheaper; the intervals then speak of this one encoder).",
    )
    copies: Literal["refuse", "leave_out"] = Field(
        "refuse",
        description="Images to learn from that equal a validation or test image in bytes or pixels, under the name of "
        "another patient: refuse to run the study, or leave them out, with all images of that patient.",
    )


class Pretrained(RunSettings, Section):
    """Start from an encoder that this study pretrains."""

    pretrain: str = Field(description="Method: `simclr`, `mocov2`, `swav`, `dino`, `dinov2` or `fcmae`.")
    on: Annotated[str | list[str] | dict[str, float], BeforeValidator(_data_sets)] = Field(
        description="Data set, or several whose images are pooled: `[chexpert, kermany]`, or with the fraction of "
        "their patients to learn from, `{chexpert: 1, kermany: 0.25}`; of patients who validate or test "
        "in any task none is seen."
    )
    start: str = Field(
        "random",
        description="Weights to go on from: the name of published ones, a directory with encoder.safetensors, or one "
        "of `starts` that names weights.",
    )
    settings: dict[str, Any] = Field(
        {}, description="The method's own settings, see [below](#settings-of-the-methods); the preset's for the rest."
    )

    @property
    def shares(self) -> dict[str, float]:
        """The data sets, with the fraction of their patients to learn from."""
        if isinstance(self.on, dict):
            return self.on
        return dict.fromkeys([self.on] if isinstance(self.on, str) else self.on, 1.0)

    def pool(self, labelled: str = "") -> str:
        """The data sets in words: "chexpert/train + kermany 25 %".

        Args:
            labelled: the one whose training patients alone are seen.
        """
        parts = [
            f"{name}{'/train' if name == labelled else ''}{'' if share == 1 else f' {percent_of(share):g} %'}"
            for name, share in self.shares.items()
        ]
        return " + ".join(parts)
