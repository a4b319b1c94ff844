import pytest

from hilum.errors import HilumErrors
from hilum.finetuning.presets import IMAGES, value_problem
from hilum.pretext.settings import presets as of_pretraining
from hilum.training.preset_tables import parse_preset_table

TABLE = """\
# Presets
any:
  lr:
    values: {10: 1.0e-3, 100: 1.0e-3, otherwise: 5.0e-4}
    why: measured
  steps:
    values: 200
    why:
      10: measured
      otherwise: as with ten images
"""


def problems(text, sizes=IMAGES, check=value_problem):
    with pytest.raises(HilumErrors) as caught:
        parse_preset_table(text, "presets.yaml", sizes, check)
    assert str(caught.value).startswith("presets.yaml: ")
    return caught.value.problems


def test_one_value_is_that_of_all_presets_and_otherwise_that_of_the_rest():
    rows = parse_preset_table(TABLE, "presets.yaml", IMAGES, value_problem)["any"]
    assert rows["lr"].values == {"10": 1e-3, "100": 1e-3, "1k": 5e-4, "10k": 5e-4, "100k": 5e-4}
    assert set(rows["steps"].values.values()) == {200}
    assert [rows["steps"].why[size] for size in ("10", "1k")] == ["measured", "as with ten images"]


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("100: 1.0e-3", "100: -1", "line 4: any.lr.values.100: expected a number above 0; found -1"),
        ("otherwise: 5.0e-4", "1k: 1", "line 4: any.lr.values.10k: expected an entry; found none. Add it, or `other"),
        ("{10: 1.0e-3", "{12: 1.0e-3", "line 4: any.lr.values.12: expected one of 10, 100, 1k, 10k, 100k; found 12"),
        ("    why: measured\n", "", "line 3: any.lr: expected values and why; found values"),
        ("  steps:", "  stpes:", "line 7: any.stpes.values.10: no such setting; do you mean steps?"),
        ("values: 200", "values: 0.5", "line 7: any.steps.values.10: expected a whole number of at least 1, or null"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_reported_with_file_line_row_and_column(right, wrong, problem):
    assert right in TABLE
    assert problems(TABLE.replace(right, wrong, 1))[0].startswith(problem)


def test_all_wrong_entries_are_reported_in_the_order_of_the_file():
    text = TABLE.replace("values: 200", "values: 0").replace("100: 1.0e-3", "100: none")
    assert [each.partition(": ")[0] for each in problems(text)] == ["line 4", "line 7"]


@pytest.mark.parametrize(
    ("part", "setting", "value", "problem"),
    [
        ("any", "batch_size", 1, "expected a whole number of at least 2; found 1"),
        ("simclr", "temperature", 0, "expected a number above 0; found 0"),
        ("simclr", "queue", 64, "no such setting"),
        ("any", "temperature", 0.1, "no such setting"),
        ("dino", "prototypes", None, ""),
        ("dino", "optimizer", "adamw", ""),
    ],
)
def test_presets_of_pretraining_are_checked_as_settings_of_a_run_or_of_the_method(part, setting, value, problem):
    assert of_pretraining.value_problem(part, setting, value).startswith(problem)
    text = f"{part}:\n  {setting}:\n    values: {'null' if value is None else value}\n    why: as measured\n"
    if problem:
        (found,) = problems(text, of_pretraining.IMAGES, of_pretraining.value_problem)
        assert found == f"line 3: {part}.{setting}.values.1k: {of_pretraining.value_problem(part, setting, value)}"
