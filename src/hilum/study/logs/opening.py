"""Creation of logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from hilum.study.logs.curve_log import CurveLog
from hilum.study.prepared import PreparedStudy
from hilum.training.distributed import rank

Log: TypeAlias = Literal["tensorboard", "mlflow"]


@contextmanager
def open_log(log: Log | None, out: Path, prepared: PreparedStudy, page: Path) -> Iterator[CurveLog | None]:
    """Open a log of a study's curves, on rank 0 only.

    Args:
        log: Program of the log; None: no log.
        out: Directory of the study.
        prepared: Prepared data of the study.
        page: Path of the report, which exists when the block ends without an error.

    Raises:
        HilumError: The program's package is not installed.
    """
    opened = _opened(log, out, prepared) if log is not None and rank() == 0 else None
    try:
        yield opened
    except BaseException:
        if opened is not None:
            opened.close(None)
        raise
    if opened is not None:
        opened.close(page)


def _opened(log: Log, out: Path, prepared: PreparedStudy) -> CurveLog:
    if log == "tensorboard":
        from hilum.study.logs.tensorboard_log import TensorBoardLog

        return TensorBoardLog(out)
    from hilum.study.logs.mlflow_log import MlflowLog

    study = prepared.study
    settings = {
        "question": study.question,
        "arms": ", ".join(study.arms),
        "seeds": ", ".join(map(str, study.seeds)),
        "data": ", ".join(study.data),
    }
    return MlflowLog(out, study.question, settings)
