import json

import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from hilum.cli import make_app
from hilum.cli.evaluate import evaluate
from hilum.errors import HilumError
from hilum.evaluation import METRICS, auroc, choose_threshold


def run(*arguments: object):
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def predictions(tmp_path):
    rng = np.random.default_rng(0)
    label, rare = (rng.random(200) < 0.3).astype(int), (np.arange(200) < 4).astype(int)
    table = pl.DataFrame(
        {
            "image_id": [f"{image:04d}" for image in range(200)],
            "patient_id": [f"{image // 2:03d}" for image in range(200)],
            "split": ["val"] * 100 + ["test"] * 100,
            "y_Effusion": label,
            "p_Effusion": np.clip(0.3 * label + 0.6 * rng.random(200), 0, 1),
            "y_Hernia": rare[::-1],
            "p_Hernia": rng.random(200),
        }
    )
    path = tmp_path / "predictions.csv"
    table.write_csv(path)
    return path


def test_writes_the_table_and_prints_intervals_and_what_was_left_out(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 200)
    assert ran.exit_code == 0, ran.output
    metrics = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert metrics["finding"].unique(maintain_order=True).to_list() == ["macro", "Pleural Effusion", "Hernia"]
    assert metrics["metric"].unique(maintain_order=True).to_list() == list(METRICS)
    assert "Thresholds: youden, chosen on val; fixed in the bootstrap." in ran.stdout
    assert "bal. acc.    PPV    NPV" in ran.stdout
    assert {"finding", "metric", "estimate", "ci_low", "ci_high", "n", "positives"} <= set(metrics.columns)
    assert "100 images of 50 patients · split test · 200 bootstrap resamples of patients, seed 0" in ran.stdout
    assert "Hernia: excluded from macro: 2 positive patients (fewer than 10)" in ran.stdout
    assert "100 rows of the split test are evaluated; 100 rows of val are not." in ran.stdout
    assert pl.read_csv(tmp_path / "out" / "metrics.csv").height == 3 * len(METRICS)


def test_json_is_pure_and_holds_the_same_numbers(predictions, tmp_path):
    ran = run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 100, "--split", "val", "--json")
    message = json.loads(ran.stdout)
    assert (message["split"], message["images"], message["patients"]) == ("val", 100, 50)
    assert message["metrics"] == pl.read_parquet(tmp_path / "out" / "metrics.parquet").to_dicts()


def test_several_files_are_seeds_of_one_arm(predictions, tmp_path):
    ran = run(predictions, predictions, "--out", tmp_path / "out", "--n-bootstrap", 100)
    assert "bootstrap resamples of patients and seeds" in ran.stdout
    assert "mean over 1 finding, 1 excluded; 2 seeds" in pl.read_csv(tmp_path / "out" / "metrics.csv")["note"][0]


def test_a_wrong_table_leaves_nothing_behind(tmp_path):
    path = tmp_path / "logits.csv"
    path.write_text("image_id,y_Mass,p_Mass\na,1,3.2\nb,0,-1\n")
    ran = run(path, "--out", tmp_path / "out")
    assert isinstance(ran.exception, HilumError)
    assert "apply a sigmoid" in str(ran.exception)
    assert not (tmp_path / "out").exists()


def test_thresholds_are_those_of_the_validation_rows_and_are_kept_with_the_numbers(predictions, tmp_path):
    run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 40, "--threshold", "sensitivity=0.9")
    validation = pl.read_csv(predictions).filter(pl.col("split") == "val")
    expected = choose_threshold(validation["y_Effusion"], validation["p_Effusion"], "sensitivity=0.9")
    (chosen,) = json.loads((tmp_path / "out" / "metrics.json").read_text())["thresholds"]
    assert chosen["values"] == {"Pleural Effusion": expected, "Hernia": None}
    assert (chosen["rule"], chosen["chosen_on"], chosen["optimistic"]) == ("sensitivity=0.9", "val", False)


def test_without_validation_images_only_metrics_without_a_threshold_are_reported(predictions, tmp_path):
    pl.read_csv(predictions).filter(pl.col("split") == "test").write_csv(predictions)
    ran = run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 40)
    message = pl.read_parquet(tmp_path / "out" / "metrics.parquet")["metric"].unique(maintain_order=True).to_list()
    assert message == ["auroc", "auprc", "partial_auroc", "brier", "ece"]
    assert "Thresholds" not in ran.stdout
    refused = run(predictions, "--out", tmp_path / "o", "--metrics", "auroc,f1")
    assert "thresholds: expected thresholds, for f1; found none" in str(refused.exception)


def test_thresholds_chosen_on_test_images_are_marked(predictions, tmp_path):
    run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 40, "--thresholds-on-test", "--metrics", "auroc,f1")
    notes = dict(pl.read_parquet(tmp_path / "out" / "metrics.parquet").select("metric", "note").iter_rows())
    assert "optimistic" in notes["f1"]
    assert "optimistic" not in notes["auroc"]


def test_probabilities_are_calibrated_on_validation_images(predictions, tmp_path):
    selected = []
    for name, more in (("plain", ()), ("scaled", ("--calibrate", "platt"))):
        ran = run(predictions, "--out", tmp_path / name, "--n-bootstrap", 40, "--metrics", "auroc,brier", *more)
        table = pl.read_parquet(tmp_path / name / "metrics.parquet").filter(pl.col("finding") == "Pleural Effusion")
        selected.append(dict(table.select("metric", "estimate").iter_rows()))
    assert selected[1]["brier"] < selected[0]["brier"] - 0.01
    assert selected[1]["auroc"] == selected[0]["auroc"]
    assert "Probabilities are recalibrated (platt) on val." in ran.stdout


def test_patients_that_were_trained_on_are_refused(predictions, tmp_path):
    (tmp_path / "trained.txt").write_text("060\n")
    ran = run(predictions, "--out", tmp_path / "out", "--trained-on", tmp_path / "trained.txt")
    assert "1 training patient of" in str(ran.exception)
    assert not (tmp_path / "out").exists()


def test_a_table_that_does_not_say_its_split_is_refused_unless_it_is_reported(predictions, tmp_path):
    pl.read_csv(predictions).drop("split").write_csv(predictions)
    assert "split: there is none" in str(run(predictions, "--out", tmp_path / "out").exception)
    assert run(predictions, "--out", tmp_path / "out", "--held-out", "--n-bootstrap", 40).exit_code == 0


def test_averages_intervals_and_strata_can_be_chosen(predictions, tmp_path):
    choices = ("--averages", "macro,weighted,micro", "--interval", "bca", "--stratified", "--metrics", "auroc")
    assert run(predictions, "--out", tmp_path / "out", "--n-bootstrap", 100, *choices).exit_code == 0
    table = pl.read_parquet(tmp_path / "out" / "metrics.parquet")
    assert table["finding"].to_list()[:3] == ["macro", "weighted", "micro"]


def test_validation_images_may_are_in_a_table_of_their_own(predictions, tmp_path):
    table = pl.read_csv(predictions)
    for split in ("val", "test"):
        table.filter(pl.col("split") == split).write_csv(tmp_path / f"{split}.csv")
    ran = run(
        tmp_path / "test.csv", "--validation", tmp_path / "val.csv", "--out", tmp_path / "out", "--n-bootstrap", 40
    )
    assert "Thresholds: youden, chosen on val" in ran.stdout
    two = run(tmp_path / "test.csv", *["--validation", tmp_path / "val.csv"] * 2, "--out", tmp_path / "o")
    assert "--validation: expected 1 tables; found 2" in str(two.exception)


@pytest.fixture
def distinguished(predictions):
    """The same with columns about the patients."""
    table = pl.read_csv(predictions)
    patients = np.arange(len(table)) // 2
    table = table.with_columns(
        pl.Series("sex", np.where(patients % 2, "F", "M")), pl.Series("age", 20 + patients % 50), view=pl.lit("PA")
    )
    table.write_csv(predictions)
    return predictions


def test_groups_of_patients_get_numbers_and_gaps(distinguished, tmp_path):
    words = ("--subgroups", "sex,age,view", "--min-group", 5, "--n-bootstrap", 100)
    ran = run(distinguished, "--out", tmp_path / "out", *words)
    assert ran.exit_code == 0, ran.output
    groups = pl.read_parquet(tmp_path / "out" / "subgroups.parquet")
    assert set(groups["attribute"]) == {"sex", "age"}
    assert set(groups["metric"]) == {"auroc", "underdiagnosis"}
    assert groups["arm"].unique().to_list() == ["predictions"]
    women = groups.filter((pl.col("group") == "F") & (pl.col("finding") == "Pleural Effusion")).row(0, named=True)
    table = pl.read_csv(distinguished).filter((pl.col("split") == "test") & (pl.col("sex") == "F"))
    assert women["estimate"] == auroc(table["y_Effusion"], table["p_Effusion"])
    assert "view: all images are PA, so no groups." in ran.stdout
    assert "gap to the rest" in ran.stdout


def test_groups_may_be_stated_by_another_table_and_are_in_the_json(distinguished, tmp_path):
    table = pl.read_csv(distinguished)
    table.select("image_id", "sex").write_parquet(tmp_path / "manifest.parquet")
    table.drop("sex", "age", "view").write_csv(distinguished)
    words = ("--subgroups", "sex", "--image-table", tmp_path / "manifest.parquet", "--n-bootstrap", 40, "--json")
    refused = run(distinguished, "--out", tmp_path / "out", "--subgroups", "sex", "--n-bootstrap", 40)
    assert "give another table with --image-table" in str(refused.exception)
    assert not (tmp_path / "out").exists()
    message = json.loads(run(distinguished, "--out", tmp_path / "out", *words).stdout)
    assert {row["group"] for row in message["subgroups"]} == {"F", "M"}


def test_the_report_of_the_folder_shows_the_groups(distinguished, tmp_path):
    run(distinguished, "--out", tmp_path / "out", "--subgroups", "sex", "--min-group", 5, "--n-bootstrap", 40)
    answer = CliRunner().invoke(make_app(), ["report", str(tmp_path / "out")], catch_exceptions=False)
    assert answer.exit_code == 0
    assert "Gap to the rest" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
