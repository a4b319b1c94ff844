"""Notes on arms whose encoders have learnt from images that were made otherwise."""

from collections.abc import Sequence

from hilum.finetuning.monitoring import StartCode
from hilum.report.content import ArmSummary
from hilum.report.render import formats


def difference_in_words(code: str, pretrained: object, finetuned: object) -> str:
    """As in "pretrained at 64 px, fine-tuned at 96 px".

    Args:
        code: of `StartCode`.
        pretrained, finetuned: px, or steps of preprocessing.
    """
    if code == StartCode.RESOLUTION:
        return f"pretrained at {pretrained} px, fine-tuned at {finetuned} px"
    return f"pretrained behind {_steps(pretrained)}, fine-tuned behind {_steps(finetuned)}"


def cautions(arms: Sequence[ArmSummary]) -> list[str]:
    """A sentence for each thing that differs, once for the arms that differ alike."""
    named: dict[str, list[str]] = {}
    for arm in arms:
        for each in arm.start_differences:
            text = difference_in_words(each.code, each.pretrained, each.finetuned)
            named.setdefault(text, []).append(arm.name)
    return [
        f"{formats.listing(names)} {'was' if len(names) == 1 else 'were'} {text}: some of what was learnt is lost."
        for text, names in named.items()
    ]


def _steps(steps: object) -> str:
    if not isinstance(steps, list):
        return str(steps)
    text = (
        ", ".join(f"{name} {value}" for name, value in step.items()) if isinstance(step, dict) else str(step)
        for step in steps
    )
    return f"[{', '.join(text)}]"
