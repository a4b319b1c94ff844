"""Opening the log that was asked for."""

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
    """A log of a study's curves; of several processes that train together, the first one's.

    Args:
        log: for which program; None: none.
        out: directory of the study.
        prepared: the study.
        page: its report, which is there when the block ends well.

    Raises:
        HilumError: the program's package is not installed.
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
