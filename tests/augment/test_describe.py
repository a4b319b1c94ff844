from dataclasses import fields
from pathlib import Path

import pytest

from hilum.augment import AUGMENTATIONS, Augmentation
from hilum.augment.describe import describe_augmentation
from hilum.augment.library import named_augmentations

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "augmentations.md"


def test_an_augmentation_is_reported_in_words():
    assert describe_augmentation(Augmentation()) == "nothing"
    assert describe_augmentation(AUGMENTATIONS["tayebiarasteh2024"]) == "rotation ±8°, horizontal flip 50 %"
    assert describe_augmentation(AUGMENTATIONS["finetune_erasing"]).endswith(
        "erasing 50 % (2–20 % of the view, at most 25 % of the lungs)"
    )


@pytest.mark.parametrize("field", [field.name for field in fields(Augmentation) if "erase_" not in field.name])
def test_every_range_that_is_set_changes_the_words(field):
    """Those that need another to have an effect are set beside it."""
    beside = {"jitter_probability": {"brightness": 0.5}, "blur_sigma": {"blur_probability": 1.0}}.get(field, {})
    value = (0.5, 0.75) if isinstance(getattr(Augmentation(), field), tuple) else 0.25
    assert describe_augmentation(Augmentation(**beside)) != describe_augmentation(
        Augmentation(**beside, **{field: value})
    )


def test_the_page_lists_the_augmentations_as_they_are():
    rows = [
        f"| `{n}` | {e.made_for} | {describe_augmentation(e.augmentation)} | {e.source} |"
        for n, e in named_augmentations().items()
    ]
    written = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line in rows]
    assert written == rows, "rows of the page's table should read:\n" + "\n".join(rows)


def test_the_page_lists_every_range_with_its_default():
    page = PAGE.read_text(encoding="utf-8")
    for field in fields(Augmentation):
        value = field.default
        default = f"[{value[0]:g}, {value[1]:g}]" if isinstance(value, tuple) else f"{value:g}"
        assert f"| `{field.name}` | `{default}` |" in page
