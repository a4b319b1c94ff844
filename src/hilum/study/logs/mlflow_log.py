"""Log of curves, settings and the report of a study for MLflow.

`mlflow ui --backend-store-uri sqlite:///DIR/logs/mlflow.db`; or on a server, where MLFLOW_TRACKING_URI names one.
"""

import logging
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hilum.data.tables import read_result_table
from hilum.encoders.card import read_card
from hilum.evaluation.metrics import overall_finding
from hilum.evaluation.metrics.registry import AUROC
from hilum.study.logs.curve_log import LOGS, CurveLog, require_package
from hilum.study.plan import EVALUATION

DATABASE, ARTIFACTS = "mlflow.db", "mlflow-artifacts"
OF_STUDY = "study"
"""Name of the run with the study's settings, results and report."""
_LONGEST_VALUE = 500  # of a parameter, by MLflow
_NOT_ALLOWED = re.compile(r"[^\w\-. /]")  # in names


class MlflowLog(CurveLog):
    """Log with one MLflow experiment per study, one run per training and one for the study.

    The run of a training has the settings of its card as parameters and the values of each epoch as metrics; the run of
    the study has the arms, the AUROC of each, and the report and its tables as artifacts. Logs of an earlier run of the
    same study are continued.

    Args:
        out: Directory of the study.
        question: Question of the study; with the directory, the name of the experiment.
        settings: Parameters of the study's run.

    Raises:
        HilumError: MLflow is not installed.
    """

    def __init__(self, out: Path, question: str, settings: Mapping[str, str]) -> None:
        require_package("mlflow", "mlflow", "mlflow-skinny")
        super().__init__(out)
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when it is imported
        from mlflow.tracking import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        (out / LOGS).mkdir(parents=True, exist_ok=True)
        own = f"sqlite:///{(out / LOGS / DATABASE).resolve()}"
        server = os.environ.get("MLFLOW_TRACKING_URI")
        self.client: Any = MlflowClient(tracking_uri=server or own)
        place = None if server else (out / LOGS / ARTIFACTS).resolve().as_uri()
        name = _NOT_ALLOWED.sub(" ", f"{out.resolve().name} {question}")[:200].strip()
        known = self.client.get_experiment_by_name(name)
        self.experiment: str = known.experiment_id if known else self.client.create_experiment(name, place)
        self.runs: dict[str, str] = {}
        self._params(self._run(OF_STUDY), settings)

    def write(self, name: str, epoch: int, values: Mapping[str, float]) -> None:
        """Write the numbers of one epoch."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(_NOT_ALLOWED.sub("_", key), value, now, epoch) for key, value in values.items()]
        self.client.log_batch(self._run(name), metrics=metrics)

    def update(self, directory: str) -> None:
        """Write the new epochs of a step, and the settings of a finished training."""
        super().update(directory)
        if directory in self.runs and (self.out / directory / "card.json").is_file():
            card = read_card(self.out / directory)
            given = {"encoder": card.encoder, **{name: str(value) for name, value in card.settings.items()}}
            self._params(self.runs[directory], given)

    def close(self, page: Path | None) -> None:
        """Log the results and the report, if any, and end all runs."""
        run = self._run(OF_STUDY)
        if page is not None:
            for key, value in _results(self.out).items():
                self.client.log_metric(run, key, value)
            self.client.log_artifact(run, str(page))
            if (self.out / "tables").is_dir():
                self.client.log_artifacts(run, str(self.out / "tables"), "tables")
        for each in self.runs.values():
            self.client.set_terminated(each, "FINISHED" if page is not None or each != run else "KILLED")
        self.runs = {}

    def _run(self, name: str) -> str:
        if name not in self.runs:
            found = self.client.search_runs([self.experiment], f"tags.hilum_step = '{name}'", max_results=1)
            if found:
                self.runs[name] = found[0].info.run_id
                self.written.setdefault(name, _last_epoch(found[0], self.client))
            else:
                made = self.client.create_run(self.experiment, run_name=name, tags={"hilum_step": name})
                self.runs[name] = made.info.run_id
        return self.runs[name]

    def _params(self, run: str, settings: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        known = self.client.get_run(run).data.params
        new = [
            Param(_NOT_ALLOWED.sub("_", key), value[:_LONGEST_VALUE])
            for key, value in settings.items()
            if _NOT_ALLOWED.sub("_", key) not in known
        ]
        for start in range(0, len(new), 100):  # MLflow's limit per call
            self.client.log_batch(run, params=new[start : start + 100])


def _last_epoch(run: Any, client: Any) -> int:
    names: Sequence[str] = list(run.data.metrics)
    return max(
        (each.step for name in names[:1] for each in client.get_metric_history(run.info.run_id, name)), default=0
    )


def _results(out: Path) -> dict[str, float]:
    """Read the AUROC of each arm over all findings, for each task."""
    found = {}
    for path in sorted(out.rglob(f"{EVALUATION}/metrics.parquet")):
        table, place = read_result_table(path), path.parents[1].relative_to(out).as_posix()
        rows = table.filter(metric=AUROC, finding=overall_finding(table["finding"].to_list()))
        for arm, estimate in rows.select("arm", "estimate").drop_nulls().rows():
            found[_NOT_ALLOWED.sub("_", f"{place}/{AUROC}/{arm}".removeprefix("./"))] = float(estimate)
    return found
