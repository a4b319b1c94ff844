"""Warnings of differences in preprocessing between pretraining and fine-tuning."""

from collections.abc import Sequence

from hilum.finetuning.monitoring import StartCode
from hilum.report.content import ArmSummary
from hilum.report.render import formats


def describe_difference(code: str, pretrained: object, finetuned: object, *, used: str = "fine-tuned") -> str:
    """Describe a difference as in "pretrained at 64 px, fine-tuned at 96 px".

    Args:
        code: Code of `StartCode`.
        pretrained, finetuned: Image size in px, or steps of preprocessing.
        used: "scored" for weights that are not fine-tuned.
    """
    if code == StartCode.RESOLUTION:
        return f"pretrained at {pretrained} px, {used} at {finetuned} px"
    return f"pretrained with {_steps(pretrained)}, {used} with {_steps(finetuned)}"


def cautions(arms: Sequence[ArmSummary]) -> list[str]:
    """Return one sentence per difference, with the arms that share it."""
    named: dict[str, list[str]] = {}
    for arm in arms:
        for each in arm.start_differences:
            used = "fine-tuned" if arm.finetuned else "scored"
            text = describe_difference(each.code, each.pretrained, each.finetuned, used=used)
            text += ": this can reduce " + ("the benefit of pretraining." if arm.finetuned else "the performance.")
            named.setdefault(text, []).append(arm.name)
    return [f"{formats.listing(names)} {'was' if len(names) == 1 else 'were'} {text}" for text, names in named.items()]


def _steps(steps: object) -> str:
    if not isinstance(steps, list):
        return str(steps)
    text = (
        ", ".join(f"{name} {value}" for name, value in step.items()) if isinstance(step, dict) else str(step)
        for step in steps
    )
    return f"[{', '.join(text)}]"
