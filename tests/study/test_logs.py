"""What MLflow reads back: settings, every epoch, the report."""

import math
from pathlib import Path

import polars as pl
import pytest

from hilum.study.execution import run_study
from hilum.study.file import parse_study

pytest.importorskip("mlflow")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's and SQLAlchemy's own
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*:sqlalchemy.exc.SADeprecationWarning")
def test_mlflow_has_settings_every_epoch_and_the_report_once(small_text, images, finished, unseen, tmp_path, copied):
    study = parse_study(small_text, where="small.yaml", overrides=["arms.linear.finetune.lr=3e-3"])
    for _ in range(2):  # the second run finds all done, and logs nothing twice
        run_study(study, {"images": images}, copied, show_step=unseen, log="mlflow")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{copied / 'logs/mlflow.db'}")
    (experiment,) = [each for each in client.search_experiments() if each.name != "Default"]
    assert experiment.name == "copied Does a study run from images to a report"
    runs = {run.data.tags["hilum_step"]: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"study", "arms/linear/seed-0"}  # the others were done before there was a log
    linear = runs["arms/linear/seed-0"]
    assert (linear.data.params["encoder"], linear.data.params["lr"]) == ("small_convnet", "0.003")
    assert linear.info.status == "FINISHED"
    curves = pl.read_parquet(copied / "arms/linear/seed-0/curves.parquet")
    message = client.get_metric_history(linear.info.run_id, "val_loss")
    assert [each.step for each in message] == curves["epoch"].to_list()
    assert [each.value for each in message] == curves["val_loss"].to_list()
    whole = runs["study"]
    assert whole.data.params["arms"] == "scratch, simclr, linear"
    metrics = pl.read_parquet(copied / "evaluation/metrics.parquet").filter(metric="auroc", finding="macro")
    for arm, estimate in metrics.select("arm", "estimate").rows():
        assert math.isclose(whole.data.metrics[f"auroc/{arm}"], estimate)
    assert {each.path for each in client.list_artifacts(whole.info.run_id)} == {"report.html", "tables"}
    selected = Path(client.download_artifacts(whole.info.run_id, "report.html", dst_path=str(tmp_path)))
    assert selected.read_bytes() == (copied / "report.html").read_bytes()


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    import shutil

    return Path(shutil.copytree(finished, tmp_path / "copied"))
