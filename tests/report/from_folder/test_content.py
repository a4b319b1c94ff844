"""A report from files: each command's tables are found, measured once, and shown; what is wrong is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hilum.data.tables.parquet import RENAMED_COLUMNS
from hilum.errors import HilumError
from hilum.evaluation import evaluate_arms
from hilum.report.from_folder import find_files, on_image
from hilum.report.page import write_report
from hilum.runs.report import ReportSettings, content_of_folder

QUICK = ReportSettings(n_bootstrap=100)


def leave(directory: Path, study, *, validation: bool = True) -> None:
    """Predictions of two arms and two seeds as `hilum evaluate` takes them, with rows val."""
    directory.mkdir(parents=True, exist_ok=True)
    for arm in ("scratch", "simclr"):
        for seed, run in enumerate(study.predictions[arm]):
            images = run.frame.height
            groups = {
                "sex": ["F" if i // 2 % 2 else "M" for i in range(images)],
                "age": [20.0 + i % 70 for i in range(images)],
            }
            test = run.frame.with_columns(**{name: pl.Series(values) for name, values in groups.items()})
            val = test.with_columns(
                pl.lit("val").alias("split"), pl.format("v{}", "image_id").alias("image_id"),
                pl.format("v{}", "patient_id").alias("patient_id"),
            )  # fmt: skip
            table = pl.concat([test, val]) if validation else test
            table.write_parquet(directory / f"{arm}-seed{seed}.parquet")


@pytest.fixture(scope="module")
def left(study, tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("left") / "results"
    leave(directory, study)
    return directory


@pytest.fixture(scope="module")
def content(left):
    return content_of_folder(left, replace(QUICK, reference="scratch"))


def test_tables_named_by_seed_are_one_arm(left, content):
    assert {arm: len(paths) for arm, paths in find_files(left).arms.items()} == {"scratch": 2, "simclr": 2}
    assert [list(arm.seeds) for arm in content.arms] == [[0, 1], [0, 1]]


def test_numbers_are_those_of_the_library_on_the_same_resamples(study, content):
    arms = {arm: study.predictions[arm] for arm in ("scratch", "simclr")}
    metrics, comparisons = evaluate_arms(arms, reference="scratch", n_bootstrap=100)
    shared = ["arm", "finding", "metric", "estimate", "ci_low", "ci_high"]
    assert content.metrics.join(metrics, on=shared, nulls_equal=True).height == metrics.height
    macro = (pl.col("finding") == "macro") & (pl.col("metric") == "auroc")
    assert (
        content.comparisons.filter(macro)["difference"].to_list() == comparisons.filter(macro)["difference"].to_list()
    )


def test_thresholds_are_chosen_on_the_rows_val_and_groups_taken_from_the_columns(content):
    assert {one.chosen_on for seeds in content.thresholds.values() for one in seeds} == {"val"}
    assert "sensitivity" in set(content.metrics["metric"])
    assert set(content.subgroups["attribute"]) == {"sex", "age"}
    assert set(content.subgroups["metric"]) == {"auroc", "underdiagnosis"}
    assert content.ranks is not None


def test_without_validation_rows_there_is_nothing_at_a_threshold(study, tmp_path):
    leave(tmp_path, study, validation=False)
    content = content_of_folder(tmp_path, QUICK)
    assert content.thresholds == {}
    assert "sensitivity" not in set(content.metrics["metric"])
    assert set(content.subgroups["metric"]) == {"auroc"}


def test_what_other_commands_left_is_shown(study, full, tmp_path):
    leave(tmp_path, study, validation=False)
    for folder, name, table in (
        ("audited", "noise", full.noise),
        ("audited", "label_issues", full.issues),
        ("explained", "box_statistics", full.box_scores),
        ("", "external", full.external),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        table.write_parquet(tmp_path / folder / f"{name}.parquet")
    points = full.embeddings[0].points.rename({"label": "single_label"}).with_columns(method=pl.lit("umap"))
    (tmp_path / "embedded").mkdir()
    points.drop("thumbnail").write_parquet(tmp_path / "embedded" / "embedding.parquet")
    (tmp_path / "embedded" / "embed.json").write_text(json.dumps({"notes": ["3 images could not be read"]}))
    content = content_of_folder(tmp_path, QUICK)
    assert content.noise.equals(full.noise)
    assert content.box_scores.height == full.box_scores.height
    assert content.external is not None
    (embedding,) = content.embeddings
    assert embedding.method == "UMAP"
    assert "3 images could not be read" in embedding.about
    html = write_report(content, tmp_path).read_text(encoding="utf-8")
    for anchor in ("external", "noise", "boxes", "embedding", "subgroups"):
        assert f'<section id="{anchor}">' in html


def test_tables_of_earlier_versions_are_shown_as_those_of_today(study, full, tmp_path):
    """The same tables under their former names and with their former columns."""
    former = {new: old for old, new in RENAMED_COLUMNS.items()}
    for part, table in (
        ("metrics", study.metrics),
        ("comparisons", study.comparisons),
        ("label_issues", full.issues),
        ("noise", full.noise),
        ("external", full.external),
    ):
        for folder, names in (("now", {}), ("before", former)):
            (tmp_path / folder).mkdir(exist_ok=True)
            name = "suspects" if names and part == "label_issues" else part
            there = {new: old for new, old in names.items() if new in table.columns}
            assert there or not names or part == "label_issues"
            table.rename(there).write_parquet(tmp_path / folder / f"{name}.parquet")
    now, before = (content_of_folder(tmp_path / folder, QUICK) for folder in ("now", "before"))
    for name in ("metrics", "comparisons", "noise", "issues", "external"):
        assert getattr(before, name).equals(getattr(now, name)), name


def test_tables_of_evaluate_and_compare_are_shown_without_predictions(study, tmp_path):
    of_arm = study.metrics.filter(pl.col("arm") == "simclr").drop("arm")
    of_arm.write_parquet(tmp_path / "metrics.parquet")
    (tmp_path / "metrics.json").write_text(json.dumps({"predictions": [{"path": "x/mine.csv"}], "n_bootstrap": 400}))
    pair = study.comparisons.filter(pl.col("arm") == "simclr").drop("arm", "reference")
    pair.write_parquet(tmp_path / "comparisons.parquet")
    message = {"predictions": [{"path": "x/mine.csv"}, {"path": "x/theirs.csv"}]}
    (tmp_path / "comparisons.json").write_text(json.dumps(message))
    content = content_of_folder(tmp_path, QUICK)
    assert [arm.name for arm in content.arms] == ["mine", "theirs"]
    assert content.reference == "theirs"
    assert content.n_bootstrap == 400
    html = write_report(content, tmp_path).read_text(encoding="utf-8")
    assert "mine beats theirs" in html


def test_a_comparison_alone_has_a_verdict(study, tmp_path):
    study.comparisons.filter(pl.col("arm") == "simclr").write_parquet(tmp_path / "comparisons.parquet")
    html = write_report(content_of_folder(tmp_path, QUICK), tmp_path).read_text(encoding="utf-8")
    assert "simclr beats scratch" in html


def test_a_study_names_arms_question_and_reference(study, tmp_path):
    for arm in ("simclr", "scratch"):
        home = tmp_path / "evaluation" / "predictions" / arm
        home.mkdir(parents=True)
        for seed, run in enumerate(study.predictions[arm]):
            run.frame.write_parquet(home / f"seed-{seed}.parquet")
            curves = tmp_path / "arms" / arm / f"seed-{seed}"
            curves.mkdir(parents=True)
            study.curves.filter(
                (pl.col("arm") == arm) & (pl.col("stage") == "finetune") & (pl.col("seed") == seed)
            ).drop("arm", "seed", "stage").write_parquet(curves / "curves.parquet")
    scores = study.predictions["scratch"][0].frame.with_columns(pl.col("^p_.*$") * 0.5)  # a study leaves labels, too
    (tmp_path / "baselines").mkdir()
    scores.write_parquet(tmp_path / "baselines" / "8x8 thumbnail.parquet")
    arms = "arms: {scratch: {encoder: resnet18}, simclr: {encoder: resnet18, init: {pretrain: simclr, 'on': ours}}}"
    (tmp_path / "study.yaml").write_text(f"question: Does it help?\n{arms}\n")
    content = content_of_folder(tmp_path, QUICK)
    assert content.question == "Does it help?"
    assert [(arm.name, arm.starts_from) for arm in content.arms] == [
        ("scratch", "random"),
        ("simclr", "simclr on ours"),
    ]
    assert content.reference == "scratch"
    assert set(content.curves["arm"]) == {"scratch", "simclr"}
    halved = content.baseline_metrics.filter(pl.col("finding") == "macro")["estimate"][0]
    alone, _ = evaluate_arms({"scratch": study.predictions["scratch"][:1]}, n_bootstrap=40)
    assert halved == pytest.approx(alone["estimate"][0])


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda place: None, "none of them"),
        (lambda place: place.joinpath("notes.csv").write_text("a,b\n1,2\n"), "none of them"),
        (lambda place: place.joinpath("a.csv").write_text("image_id,y_Mass,p_Mass\n1,1,0.4\n2,0,0.2\n"), "split"),
        (lambda place: place.joinpath("a.csv").write_text("split,y_Mass,p_Mass\ntest,1,1.4\n"), "p_Mass"),
    ],
)
def test_nothing_to_show_and_leaky_tables_are_refused(prepare, expected, tmp_path):
    prepare(tmp_path)
    with pytest.raises(HilumError, match=expected):
        content_of_folder(tmp_path, QUICK)


def test_a_reference_that_is_not_there_is_refused(left):
    with pytest.raises(HilumError, match="imagenet"):
        content_of_folder(left, replace(QUICK, reference="imagenet"))


def test_a_map_keeps_its_place_on_the_image():
    heat = np.zeros((4, 4), np.float32)
    heat[0, 3] = 1
    whole = on_image(heat, 0.0, 1.0)
    assert np.unravel_index(whole.argmax(), whole.shape)[0] < 8
    assert np.unravel_index(whole.argmax(), whole.shape)[1] >= 24
    inner = on_image(heat, 0.25, 0.75)  # the map covers the middle half: its corner lies at a quarter of the image
    row, column = np.argwhere(inner > 0.99).mean(axis=0)
    assert row < 12
    assert column > 20
    assert inner[16:, :16].max() == 0
