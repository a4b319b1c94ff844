"""What a folder of results is follows from the plan and the cards; the names of folders count in earlier versions only."""

import json

import polars as pl
import pytest

from hilum.encoders.card import Card, write_card as written
from hilum.report.layouts.results import read_results


def card(seed: int) -> Card:
    return Card(
        encoder="resnet18", method="finetune", settings={}, preprocessing=[], image_size=32, mean=0.5, std=0.25,
        seed=seed, split="", training_patients=[], n_training_images=0, findings=["Mass"],
    )  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """Two tasks, one with two label fractions; one arm with the seeds 10 and 2."""
    for view in ("tasks/b/label_fraction-0.1", "tasks/b/label_fraction-1", "tasks/a"):
        (tmp_path / view / "evaluation").mkdir(parents=True)
    for seed in (10, 2):
        directory = tmp_path / "tasks" / "a" / "arms" / "plain" / f"seed-{seed}"
        directory.mkdir(parents=True)
        written(card(seed), directory)
        pl.DataFrame({"epoch": [1], "step": [1], "train_loss": [float(seed)], "val_loss": [1.0]}).write_parquet(
            directory / "curves.parquet"
        )
    return tmp_path


def rows(*views):
    return [
        {"kind": "evaluate", "directory": f"{view}/evaluation", "view": view, "task": task, "label_fraction": fraction}
        for view, task, fraction in views
    ]


def test_tasks_and_fractions_are_those_of_the_plan(study):
    views = [("tasks/b/label_fraction-0.1", "b", 1.0), ("tasks/b/label_fraction-1", "b", 0.5), ("tasks/a", "A", 1.0)]
    (study / "plan.json").write_text(json.dumps(rows(*views)))
    found = {name: task.directory.relative_to(study).as_posix() for name, task in read_results(study).tasks.items()}
    assert found == {
        "b": "tasks/b/label_fraction-0.1",
        "b/label_fraction-0.5": "tasks/b/label_fraction-1",
        "A": "tasks/a",
    }


def test_folders_name_tasks_and_fractions_of_earlier_versions(study):
    earlier = [
        {"kind": "evaluate", "directory": f"{place}/evaluation"} for place in ("tasks/b/label_fraction-1", "tasks/a")
    ]
    (study / "plan.json").write_text(json.dumps(earlier))
    found = {name: task.directory.relative_to(study).as_posix() for name, task in read_results(study).tasks.items()}
    assert list(found.items()) == [
        ("b", "tasks/b/label_fraction-1"),
        ("b/label_fraction-0.1", "tasks/b/label_fraction-0.1"),
        ("a", "tasks/a"),
    ]


def test_runs_are_in_the_order_of_the_seeds_on_their_cards(study):
    task = read_results(study).tasks["a"]
    assert [each.seed for each in task.cards("plain")] == [2, 10]
    assert {seed: curve["train_loss"][0] for seed, curve in task.curves("plain").items()} == {2: 2.0, 10: 10.0}
